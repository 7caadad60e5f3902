#include "db/engine/value.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace bondway::db {

namespace {

constexpr std::array<std::size_t, 4> kDashes{8, 13, 18, 23};
constexpr std::size_t kTextLength = 36;

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

bool is_dash_position(std::size_t i) {
  return std::find(kDashes.begin(), kDashes.end(), i) != kDashes.end();
}

std::mt19937_64 seeded_generator() {
  std::random_device device;
  std::seed_seq seed{device(), device(), device(), device(),
                     device(), device(), device(), device()};
  return std::mt19937_64(seed);
}

std::strong_ordering order_of(const Atom& a, const Atom& b) {
  if (a == b) return std::strong_ordering::equal;
  return a < b ? std::strong_ordering::less : std::strong_ordering::greater;
}

std::strong_ordering order_of(std::span<const Atom> a, std::span<const Atom> b) {
  return std::lexicographical_compare_three_way(
      a.begin(), a.end(), b.begin(), b.end(),
      [](const Atom& x, const Atom& y) { return order_of(x, y); });
}

}  // namespace

Uuid Uuid::random() {
  thread_local std::mt19937_64 generator = seeded_generator();
  std::array<std::uint8_t, 16> octets;
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint64_t bits = generator();
    for (std::size_t i = 0; i < 8; ++i, bits >>= 8) {
      octets[half * 8 + i] = static_cast<std::uint8_t>(bits);
    }
  }
  octets[6] = static_cast<std::uint8_t>((octets[6] & 0x0f) | 0x40);  // RFC 4122, 4.4: version 4
  octets[8] = static_cast<std::uint8_t>((octets[8] & 0x3f) | 0x80);
  return Uuid(octets);
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != kTextLength) return std::nullopt;
  std::array<std::uint8_t, 16> octets{};
  std::size_t nibble = 0;
  for (std::size_t i = 0; i < kTextLength; ++i) {
    if (is_dash_position(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const auto digit = hex_digit(text[i]);
    if (!digit) return std::nullopt;
    auto& octet = octets[nibble++ / 2];
    octet = static_cast<std::uint8_t>(octet * 16U + *digit);
  }
  return Uuid(octets);
}

std::string to_string(const Uuid& uuid) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(kTextLength, '-');
  std::size_t at = 0;
  for (const std::uint8_t octet : uuid.octets()) {
    if (is_dash_position(at)) ++at;
    text[at++] = kDigits[octet >> 4];
    text[at++] = kDigits[octet & 0xf];
  }
  return text;
}

std::string_view to_string(AtomicType type) {
  constexpr std::array<std::string_view, 5> kNames{"integer", "real", "boolean", "string", "uuid"};
  return kNames[static_cast<std::size_t>(type)];
}

namespace {

/// Whether one by one is quicker than all anew.
bool is_few(std::size_t changes, std::size_t size) { return changes < 8 && changes * 8 < size; }

}  // namespace

Datum::Datum(std::size_t keys, std::size_t values)
    : atoms_(keys == 0 ? nullptr : std::make_unique<Atom[]>(keys + values)),
      keys_(static_cast<std::uint32_t>(keys)),
      values_(static_cast<std::uint32_t>(values)) {}

Datum::Datum(const Datum& other) : Datum(other.keys_, other.values_) {
  std::copy_n(other.atoms_.get(), keys_ + values_, atoms_.get());
}

Datum::Datum(Datum&& other) noexcept
    : atoms_(std::move(other.atoms_)),
      keys_(std::exchange(other.keys_, 0)),
      values_(std::exchange(other.values_, 0)) {}

Datum& Datum::operator=(const Datum& other) {
  if (this != &other) *this = Datum(other);
  return *this;
}

Datum& Datum::operator=(Datum&& other) noexcept {
  atoms_ = std::move(other.atoms_);
  keys_ = std::exchange(other.keys_, 0);
  values_ = std::exchange(other.values_, 0);
  return *this;
}

std::optional<Datum> Datum::set(std::vector<Atom> elements) {
  std::sort(elements.begin(), elements.end());
  if (std::adjacent_find(elements.begin(), elements.end()) != elements.end()) return std::nullopt;
  Datum datum(elements.size(), 0);
  std::move(elements.begin(), elements.end(), datum.atoms_.get());
  return datum;
}

std::optional<Datum> Datum::map(std::vector<std::pair<Atom, Atom>> pairs) {
  const auto key_less = [](const auto& a, const auto& b) { return a.first < b.first; };
  const auto same_key = [](const auto& a, const auto& b) { return a.first == b.first; };
  std::sort(pairs.begin(), pairs.end(), key_less);
  if (std::adjacent_find(pairs.begin(), pairs.end(), same_key) != pairs.end()) return std::nullopt;
  Datum datum(pairs.size(), pairs.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    datum.atoms_[i] = std::move(pairs[i].first);
    datum.atoms_[pairs.size() + i] = std::move(pairs[i].second);
  }
  return datum;
}

/// Where a key is, or belongs.
std::size_t Datum::place_of(const Atom& key) const {
  return static_cast<std::size_t>(std::ranges::lower_bound(keys(), key) - keys().begin());
}

bool Datum::contains(const Atom& key) const { return std::ranges::binary_search(keys(), key); }

const Atom* Datum::find(const Atom& key) const {
  const std::size_t at = place_of(key);
  if (at == size() || atoms_[at] != key || !is_map()) return nullptr;
  return &values()[at];
}

/// Moves the elements or pairs [begin, end) of another datum to the place `to` of this one.
void Datum::move_from(Datum& other, std::size_t begin, std::size_t end, std::size_t to) {
  Atom* const from = other.atoms_.get();
  std::move(from + begin, from + end, atoms_.get() + to);
  if (!is_map() || !other.is_map()) return;
  std::move(from + other.keys_ + begin, from + other.keys_ + end, atoms_.get() + keys_ + to);
}

void Datum::insert(Atom key) {
  const std::size_t at = place_of(key);
  if (at < size() && atoms_[at] == key) return;
  Datum grown(size() + 1, 0);
  grown.move_from(*this, 0, at, 0);
  grown.move_from(*this, at, size(), at + 1);
  grown.atoms_[at] = std::move(key);
  *this = std::move(grown);
}

void Datum::insert(Atom key, Atom value) {
  const std::size_t at = place_of(key);
  if (at < size() && atoms_[at] == key) {
    atoms_[keys_ + at] = std::move(value);
    return;
  }
  Datum grown(size() + 1, size() + 1);
  grown.move_from(*this, 0, at, 0);
  grown.move_from(*this, at, size(), at + 1);
  grown.atoms_[at] = std::move(key);
  grown.atoms_[grown.keys_ + at] = std::move(value);
  *this = std::move(grown);
}

bool Datum::erase(const Atom& key) {
  const std::size_t at = place_of(key);
  if (at == size() || atoms_[at] != key) return false;
  Datum shrunk(size() - 1, is_map() ? size() - 1 : 0);
  shrunk.move_from(*this, 0, at, 0);
  shrunk.move_from(*this, at + 1, size(), at);
  *this = std::move(shrunk);
  return true;
}

void Datum::insert_missing(const Datum& more) {
  if (is_few(more.size(), size())) {
    for (std::size_t i = 0; i < more.size(); ++i) {
      if (!more.is_map()) {
        insert(more.keys()[i]);
      } else if (!contains(more.keys()[i])) {
        insert(more.keys()[i], more.values()[i]);
      }
    }
    return;
  }
  const std::size_t lacking = static_cast<std::size_t>(
      std::ranges::count_if(more.keys(), [this](const Atom& key) { return !contains(key); }));
  const std::size_t all = size() + lacking;
  Datum merged(all, is_map() || more.is_map() ? all : 0);
  for (std::size_t own = 0, other = 0, to = 0; to < all; ++to) {
    while (other < more.size() && own < size() && more.keys()[other] == keys()[own]) ++other;
    if (own == size() || (other < more.size() && more.keys()[other] < keys()[own])) {
      merged.atoms_[to] = more.keys()[other];
      if (more.is_map()) merged.atoms_[all + to] = more.values()[other];
      ++other;
    } else {
      merged.move_from(*this, own, own + 1, to);
      ++own;
    }
  }
  *this = std::move(merged);
}

void Datum::erase_all(const Datum& part) {
  std::vector<std::size_t> kept;
  std::size_t other = 0;
  for (std::size_t own = 0; own < size(); ++own) {
    while (other < part.size() && part.keys()[other] < keys()[own]) ++other;
    const bool is_same = other < part.size() && part.keys()[other] == keys()[own] &&
                         (!part.is_map() || part.values()[other] == values()[own]);
    if (!is_same) kept.push_back(own);
  }
  Datum rest(kept.size(), is_map() ? kept.size() : 0);
  for (std::size_t to = 0; to < kept.size(); ++to) {
    rest.move_from(*this, kept[to], kept[to] + 1, to);
  }
  *this = std::move(rest);
}

std::strong_ordering Datum::compare(const Datum& other) const {
  if (const auto order = size() <=> other.size(); order != 0) return order;
  if (const auto order = order_of(keys(), other.keys()); order != 0) return order;
  return order_of(values(), other.values());
}

bool Datum::operator==(const Datum& other) const {
  return std::ranges::equal(keys(), other.keys()) && std::ranges::equal(values(), other.values());
}

namespace {

std::size_t mix(std::size_t seed, std::size_t hash) {
  return seed ^ (hash + 0x9e3779b97f4a7c15U + (seed << 6) + (seed >> 2));
}

std::size_t mix(std::size_t seed, std::span<const Atom> atoms) {
  for (const Atom& atom : atoms) seed = mix(seed, hash_of(atom));
  return seed;
}

}  // namespace

std::size_t hash_of(const Atom& atom) {
  return std::visit([]<typename T>(const T& value) -> std::size_t { return std::hash<T>()(value); },
                    atom);
}

std::size_t hash_of(const Datum& datum) {
  return mix(mix(datum.size(), datum.keys()), datum.values());
}

}  // namespace bondway::db
