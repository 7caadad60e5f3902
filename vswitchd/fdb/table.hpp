#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "vswitchd/net/mac_address.hpp"
#include "vswitchd/net/time.hpp"
#include "vswitchd/net/vlan.hpp"

namespace bondway::fdb {

/// The owner's handle of a port (a bond as a whole); the table only compares it.
enum class PortId : std::uint32_t {};

struct TableConfig {
  std::size_t max_entries = 8192;
  Duration idle_time = 300s;
  bool operator==(const TableConfig&) const = default;
};

/// Where a frame came from, as far as gratuitous ARP locks are concerned.
enum class Arrival : std::uint8_t {
  ordinary,                     ///< no gratuitous ARP
  gratuitous_arp_on_bond,       ///< leaves a locked entry alone
  gratuitous_arp_on_plain_port  ///< locks the entry for kGratuitousArpLock
};

/// For so long gratuitous ARPs that come in on a bond do not move an entry that one on a plain port
/// has confirmed: they are its echo.
inline constexpr Duration kGratuitousArpLock = 5s;

/// Totals since creation or clear_statistics(), and the sizes of this moment.
struct Statistics {
  std::size_t entries = 0, max_entries = 0, static_entries = 0;
  std::uint64_t learned = 0, expired = 0, evicted = 0, moved = 0;
  bool operator==(const Statistics&) const = default;
};

/// One entry, as `fdb/show` sees it.
struct Entry {
  MacAddress mac;
  std::uint16_t vlan = 0;  ///< wider than a VLAN: `fdb/add` takes any 16 bits
  PortId port{};
  std::optional<Duration> age;  ///< none: static
  bool operator==(const Entry&) const = default;
};

/// A bridge's MAC table: (address, VLAN) -> port.
///
/// Bounded by max_entries and O(1) per frame whatever the sender does; a flood of new addresses on
/// one port evicts that port's own entries first.  Opens nothing and reads no clock: `now` is the
/// caller's and never goes backwards; an entry is gone only when expire() has run, which the caller
/// does no later than deadline().  Not for several threads at once.
class Table {
 public:
  /// `seed` keeps a sender from choosing addresses that collide: random in the daemon.
  explicit Table(TableConfig config = {}, std::uint64_t seed = 0);

  /// A smaller maximum removes the least recently used entries; another idle time moves all
  /// deadlines by the difference.
  void configure(TableConfig config);
  const TableConfig& config() const { return config_; }

  enum class Learned : std::uint8_t {
    refreshed,  ///< known there already
    added,
    moved,    ///< known elsewhere until now
    refused,  ///< multicast source, static entry elsewhere, or locked
  };
  /// A frame from `source` came in on a port.
  Learned learn(const MacAddress& source, VlanId vlan, PortId port, TimePoint now,
                Arrival arrival = Arrival::ordinary);

  struct Found {
    PortId port{};
    bool is_static = false;
    bool locked = false;  ///< by a gratuitous ARP, at `now`
    bool operator==(const Found&) const = default;
  };
  std::optional<Found> lookup(const MacAddress& mac, VlanId vlan, TimePoint now) const;

  /// Removes what has not been heard of for the idle time; returns how many entries that were.
  std::size_t expire(TimePoint now);
  std::optional<TimePoint> deadline() const;

  /// What was there before add_static().
  struct Replaced {
    PortId port{};
    bool was_static = false;
    bool operator==(const Replaced&) const = default;
  };
  /// `fdb/add`: an entry that does not age or move.
  std::optional<Replaced> add_static(const MacAddress& mac, std::uint16_t vlan, PortId port,
                                     TimePoint now);
  /// `fdb/del`: false if there is no such static entry.
  bool remove_static(const MacAddress& mac, std::uint16_t vlan);

  /// Forgets all learned entries; static ones stay.
  void flush();
  /// Forgets everything about one port.
  void flush_port(PortId port);
  /// Forgets one entry, whatever it is; false if there is none.
  bool forget(const MacAddress& mac, VlanId vlan);

  Statistics statistics() const;
  void clear_statistics();
  std::size_t size() const { return size_; }

  /// How to tell whether an answer of lookup() still holds.  Of a station that is known, as long as
  /// it is known there; of one that is not, perhaps only until another one becomes known.
  class Stamp {
   public:
    bool operator==(const Stamp&) const = default;

   private:
    friend class Table;
    std::uint64_t place = 0;  ///< of the entry; where there is none, of its chain
    std::uint64_t change = 0;
    bool known = false;
  };
  Stamp stamp(const MacAddress& mac, VlanId vlan) const;
  bool holds(const Stamp& stamp) const {
    return stamp.change ==
           (stamp.known ? nodes_[stamp.place].last_change : chain_change(stamp.place));
  }

  /// All entries, least recently used first.
  std::vector<Entry> entries(TimePoint now) const;
  /// The entries of all ports but one, in no order: whom a bond's learning packets announce.
  std::vector<Entry> entries_elsewhere(PortId port, TimePoint now) const;

 private:
  using Index = std::uint32_t;  ///< into nodes_ or owners_
  static constexpr Index kNone = 0xffff'ffff;

  /// Neighbours in a doubly linked list.
  struct Link {
    Index previous = kNone, next = kNone;
  };
  struct List {
    Index first = kNone, last = kNone;
  };

  /// An entry: a member of its hash chain, of its owner's list and of the list of its kind (learned
  /// or static); each list least recently used first.
  struct Node {
    std::uint64_t key = 0;  ///< address, then VLAN in the upper 16 bits
    std::uint64_t use = 0;  ///< order of use over both kinds
    TimePoint last_heard{}, locked_until{};
    Link of_owner, of_kind;
    Index chain = kNone;  ///< next in the hash chain, or next free node
    Index owner = kNone;
    bool is_static = false;
    std::uint64_t last_change = 0;  ///< of the answer about it
  };

  /// A port with entries; owners with equally many are in one list, so that the largest is at hand.
  struct Owner {
    PortId port{};
    std::size_t count = 0;
    List entries;
    Link of_rank;
  };

  /// The entries whose keys are scrambled alike.
  struct Chain {
    Index first = kNone;
    std::uint64_t last_change = 0;  ///< of whether one of those keys is known
  };

  std::size_t chain_of(std::uint64_t key) const;
  std::uint64_t chain_change(std::uint64_t place) const {
    return chains_.empty() ? 0 : chains_[place & (chains_.size() - 1)].last_change;
  }
  Index find(std::uint64_t key) const;
  Index insert(std::uint64_t key, PortId port, TimePoint now, bool is_static);
  void remove(Index index);
  void touch(Index index, TimePoint now);
  void lock(Index index, Arrival arrival, TimePoint now);
  void evict_one();
  void trim();
  void grow_chains();
  Entry entry(Index index, TimePoint now) const;

  PortId port_of(Index index) const { return owners_[nodes_[index].owner].port; }
  void attach(Index index, PortId port);
  void detach(Index index);
  Index owner_for(PortId port);
  void set_count(Index owner, std::size_t count);

  List& kind_of(const Node& node) { return node.is_static ? static_ : learned_; }
  void append(List& list, Link Node::*link, Index index);
  void unlink(List& list, Link Node::*link, Index index);

  TableConfig config_;
  std::uint64_t seed_;
  std::vector<Node> nodes_;
  Index free_node_ = kNone;
  std::vector<Chain> chains_;  ///< a power of two of them, at least as many as entries
  List learned_, static_;
  std::size_t static_count_ = 0, size_ = 0;
  std::vector<Owner> owners_;
  Index free_owner_ = kNone;
  std::unordered_map<PortId, Index> owner_by_port_;
  std::vector<Index> ranks_;  ///< by number of entries: the first owner with so many; ends with one
  std::uint64_t uses_ = 0, changes_ = 0;
  Statistics totals_;
};

}  // namespace bondway::fdb
