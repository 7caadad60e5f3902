#include "vswitchd/fdb/table.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace bondway::fdb {
namespace {

constexpr std::size_t kFirstChains = 16;
constexpr int kVlanShift = 48;

std::uint64_t key_of(const MacAddress& mac, std::uint16_t vlan) {
  return static_cast<std::uint64_t>(vlan) << kVlanShift | mac.number();
}
MacAddress mac_of(std::uint64_t key) { return MacAddress::from_number(key); }
std::uint16_t vlan_of(std::uint64_t key) { return static_cast<std::uint16_t>(key >> kVlanShift); }

/// Spreads keys over chains in a way that depends on the seed throughout (the finisher of
/// SplitMix64, twice).
std::uint64_t scramble(std::uint64_t key, std::uint64_t seed) {
  for (int round = 0; round < 2; ++round) {
    key ^= seed;
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9U;
    key = (key ^ (key >> 27)) * 0x94d049bb133111ebU;
    key ^= key >> 31;
  }
  return key;
}

}  // namespace

Table::Table(TableConfig config, std::uint64_t seed) : config_(config), seed_(seed) {
  assert(config_.max_entries > 0);
}

void Table::configure(TableConfig config) {
  assert(config.max_entries > 0);
  config_ = config;
  trim();
}

Table::Learned Table::learn(const MacAddress& source, VlanId vlan, PortId port, TimePoint now,
                            Arrival arrival) {
  if (source.is_multicast()) return Learned::refused;
  const std::uint64_t key = key_of(source, vlan.number());
  const Index known = find(key);
  if (known == kNone) {
    ++totals_.learned;
    const Index added = insert(key, port, now, /*is_static=*/false);
    lock(added, arrival, now);
    trim();
    return Learned::added;
  }
  const bool is_elsewhere = port_of(known) != port;
  if (nodes_[known].is_static) return is_elsewhere ? Learned::refused : Learned::refreshed;
  if (is_elsewhere && arrival == Arrival::gratuitous_arp_on_bond &&
      now < nodes_[known].locked_until) {
    touch(known, now);  // a station that is heard does not age, as in the reference
    return Learned::refused;
  }
  if (is_elsewhere) {
    detach(known);
    attach(known, port);
    ++totals_.moved;
    nodes_[known].last_change = ++changes_;
  }
  touch(known, now);
  lock(known, arrival, now);
  return is_elsewhere ? Learned::moved : Learned::refreshed;
}

std::optional<Table::Found> Table::lookup(const MacAddress& mac, VlanId vlan, TimePoint now) const {
  const Index index = find(key_of(mac, vlan.number()));
  if (index == kNone) return std::nullopt;
  const Node& node = nodes_[index];
  return Found{port_of(index), node.is_static, now < node.locked_until};
}

Table::Stamp Table::stamp(const MacAddress& mac, VlanId vlan) const {
  const std::uint64_t key = key_of(mac, vlan.number());
  const Index index = find(key);
  Stamp stamp;
  stamp.known = index != kNone;
  stamp.place = stamp.known ? index : scramble(key, seed_);
  stamp.change = stamp.known ? nodes_[index].last_change : chain_change(stamp.place);
  return stamp;
}

std::size_t Table::expire(TimePoint now) {
  std::size_t count = 0;
  for (; learned_.first != kNone && deadline() <= now; ++count) remove(learned_.first);
  totals_.expired += count;
  return count;
}

std::optional<TimePoint> Table::deadline() const {
  if (learned_.first == kNone) return std::nullopt;
  return nodes_[learned_.first].last_heard + config_.idle_time;
}

std::optional<Table::Replaced> Table::add_static(const MacAddress& mac, std::uint16_t vlan,
                                                 PortId port, TimePoint now) {
  const std::uint64_t key = key_of(mac, vlan);
  std::optional<Replaced> replaced;
  if (const Index known = find(key); known != kNone) {
    replaced = Replaced{port_of(known), nodes_[known].is_static};
    if (*replaced == Replaced{port, true}) return replaced;
    remove(known);
  }
  insert(key, port, now, /*is_static=*/true);
  trim();
  return replaced;
}

bool Table::remove_static(const MacAddress& mac, std::uint16_t vlan) {
  const Index index = find(key_of(mac, vlan));
  if (index == kNone || !nodes_[index].is_static) return false;
  remove(index);
  return true;
}

void Table::flush() {
  while (learned_.first != kNone) remove(learned_.first);
}

void Table::flush_port(PortId port) {
  const auto found = owner_by_port_.find(port);
  if (found == owner_by_port_.end()) return;
  for (std::size_t left = owners_[found->second].count; left > 0; --left) {
    remove(owners_[found->second].entries.first);
  }
}

bool Table::forget(const MacAddress& mac, VlanId vlan) {
  const Index index = find(key_of(mac, vlan.number()));
  if (index == kNone) return false;
  remove(index);
  return true;
}

Statistics Table::statistics() const {
  Statistics statistics = totals_;
  statistics.entries = size_;
  statistics.max_entries = config_.max_entries;
  statistics.static_entries = static_count_;
  return statistics;
}

void Table::clear_statistics() { totals_ = {}; }

std::vector<Entry> Table::entries(TimePoint now) const {
  std::vector<Entry> all;
  all.reserve(size_);
  Index learned = learned_.first, fixed = static_.first;
  while (learned != kNone || fixed != kNone) {
    const bool take_learned =
        fixed == kNone || (learned != kNone && nodes_[learned].use < nodes_[fixed].use);
    Index& next = take_learned ? learned : fixed;
    all.push_back(entry(next, now));
    next = nodes_[next].of_kind.next;
  }
  return all;
}

std::vector<Entry> Table::entries_elsewhere(PortId port, TimePoint now) const {
  std::vector<Entry> elsewhere;
  for (const List& list : {learned_, static_}) {
    for (Index index = list.first; index != kNone; index = nodes_[index].of_kind.next) {
      if (port_of(index) != port) elsewhere.push_back(entry(index, now));
    }
  }
  return elsewhere;
}

// ---- entries

std::size_t Table::chain_of(std::uint64_t key) const {
  return static_cast<std::size_t>(scramble(key, seed_)) & (chains_.size() - 1);
}

Table::Index Table::find(std::uint64_t key) const {
  if (chains_.empty()) return kNone;
  Index index = chains_[chain_of(key)].first;
  while (index != kNone && nodes_[index].key != key) index = nodes_[index].chain;
  return index;
}

Table::Index Table::insert(std::uint64_t key, PortId port, TimePoint now, bool is_static) {
  if (size_ >= config_.max_entries) evict_one();
  if (size_ >= chains_.size()) grow_chains();
  Index index = free_node_;
  if (index == kNone) {
    index = static_cast<Index>(nodes_.size());
    nodes_.emplace_back();
  } else {
    free_node_ = nodes_[index].chain;
  }
  Node& node = nodes_[index];
  node = Node{};
  node.key = key;
  node.use = ++uses_;
  node.last_heard = now;
  node.is_static = is_static;
  Chain& chain = chains_[chain_of(key)];
  node.chain = std::exchange(chain.first, index);
  chain.last_change = node.last_change = ++changes_;
  append(kind_of(node), &Node::of_kind, index);
  attach(index, port);
  ++size_;
  if (is_static) ++static_count_;
  return index;
}

void Table::remove(Index index) {
  Chain& chain = chains_[chain_of(nodes_[index].key)];
  chain.last_change = nodes_[index].last_change = ++changes_;
  Index* place = &chain.first;
  while (*place != index) place = &nodes_[*place].chain;
  *place = nodes_[index].chain;
  unlink(kind_of(nodes_[index]), &Node::of_kind, index);
  detach(index);
  --size_;
  if (nodes_[index].is_static) --static_count_;
  nodes_[index].chain = std::exchange(free_node_, index);
}

/// Makes an entry the most recently used one.
void Table::touch(Index index, TimePoint now) {
  Node& node = nodes_[index];
  node.last_heard = now;
  node.use = ++uses_;
  List& kind = kind_of(node);
  if (kind.last != index) {
    unlink(kind, &Node::of_kind, index);
    append(kind, &Node::of_kind, index);
  }
  List& own = owners_[node.owner].entries;
  if (own.last != index) {
    unlink(own, &Node::of_owner, index);
    append(own, &Node::of_owner, index);
  }
}

void Table::lock(Index index, Arrival arrival, TimePoint now) {
  if (arrival == Arrival::gratuitous_arp_on_plain_port) {
    nodes_[index].locked_until = now + kGratuitousArpLock;
  }
}

/// Makes room at the cost of the port that has most entries, so that a flood on one port does not
/// drive out the others' stations.
void Table::evict_one() {
  assert(size_ > 0);
  remove(owners_[ranks_.back()].entries.first);
  ++totals_.evicted;
}

/// Forgets the least recently used entries beyond the maximum; static ones only make room for new
/// entries, they are not given up for a smaller maximum.
void Table::trim() {
  for (; size_ > config_.max_entries && learned_.first != kNone; ++totals_.expired) {
    remove(learned_.first);
  }
}

/// Every answer that no entry was found has changed then, for all one can tell.
void Table::grow_chains() {
  chains_.assign(std::max(kFirstChains, chains_.size() * 2), Chain{kNone, ++changes_});
  for (const List& list : {learned_, static_}) {
    for (Index index = list.first; index != kNone; index = nodes_[index].of_kind.next) {
      nodes_[index].chain = std::exchange(chains_[chain_of(nodes_[index].key)].first, index);
    }
  }
}

Entry Table::entry(Index index, TimePoint now) const {
  const Node& node = nodes_[index];
  Entry shown{mac_of(node.key), vlan_of(node.key), port_of(index), std::nullopt};
  if (!node.is_static) shown.age = now - node.last_heard;
  return shown;
}

// ---- owners: ports with entries, ranked by how many

/// Gives an entry to a port.
void Table::attach(Index index, PortId port) {
  const Index owner = owner_for(port);
  append(owners_[owner].entries, &Node::of_owner, index);
  nodes_[index].owner = owner;
  set_count(owner, owners_[owner].count + 1);
}

/// Takes an entry from its port, which is forgotten if it was the last one.
void Table::detach(Index index) {
  const Index owner = nodes_[index].owner;
  unlink(owners_[owner].entries, &Node::of_owner, index);
  nodes_[index].owner = kNone;
  set_count(owner, owners_[owner].count - 1);
  if (owners_[owner].count > 0) return;
  owner_by_port_.erase(owners_[owner].port);
  owners_[owner].of_rank.next = std::exchange(free_owner_, owner);
}

Table::Index Table::owner_for(PortId port) {
  const auto [place, is_new] = owner_by_port_.try_emplace(port, free_owner_);
  if (!is_new) return place->second;
  if (free_owner_ == kNone) {
    place->second = static_cast<Index>(owners_.size());
    owners_.emplace_back();
  } else {
    free_owner_ = owners_[free_owner_].of_rank.next;
  }
  owners_[place->second] = Owner{};
  owners_[place->second].port = port;
  return place->second;
}

/// Moves an owner to its new rank, one up or down: `ranks_[count]` lists those with `count` entries
/// and ends with the largest count there is.
void Table::set_count(Index index, std::size_t count) {
  Owner& owner = owners_[index];
  if (owner.count > 0) {
    Index& first = ranks_[owner.count];
    if (first == index) first = owner.of_rank.next;
    if (owner.of_rank.previous != kNone) {
      owners_[owner.of_rank.previous].of_rank.next = owner.of_rank.next;
    }
    if (owner.of_rank.next != kNone) {
      owners_[owner.of_rank.next].of_rank.previous = owner.of_rank.previous;
    }
  }
  owner.count = count;
  owner.of_rank = {};
  if (count > 0) {
    if (ranks_.size() <= count) ranks_.resize(count + 1, kNone);
    owner.of_rank.next = std::exchange(ranks_[count], index);
    if (owner.of_rank.next != kNone) owners_[owner.of_rank.next].of_rank.previous = index;
  }
  while (!ranks_.empty() && ranks_.back() == kNone) ranks_.pop_back();
}

// ---- lists

void Table::append(List& list, Link Node::*link, Index index) {
  (nodes_[index].*link) = {list.last, kNone};
  if (list.last != kNone) {
    (nodes_[list.last].*link).next = index;
  } else {
    list.first = index;
  }
  list.last = index;
}

void Table::unlink(List& list, Link Node::*link, Index index) {
  const Link neighbours = nodes_[index].*link;
  if (neighbours.previous != kNone) {
    (nodes_[neighbours.previous].*link).next = neighbours.next;
  } else {
    list.first = neighbours.next;
  }
  if (neighbours.next != kNone) {
    (nodes_[neighbours.next].*link).previous = neighbours.previous;
  } else {
    list.last = neighbours.previous;
  }
}

}  // namespace bondway::fdb
