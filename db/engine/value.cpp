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

std::strong_ordering order_of(const std::vector<Atom>& a, const std::vector<Atom>& b) {
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

std::optional<Datum> Datum::set(std::vector<Atom> elements) {
  std::sort(elements.begin(), elements.end());
  if (std::adjacent_find(elements.begin(), elements.end()) != elements.end()) return std::nullopt;
  Datum datum;
  datum.keys_ = std::move(elements);
  return datum;
}

std::optional<Datum> Datum::map(std::vector<std::pair<Atom, Atom>> pairs) {
  const auto key_less = [](const auto& a, const auto& b) { return a.first < b.first; };
  const auto same_key = [](const auto& a, const auto& b) { return a.first == b.first; };
  std::sort(pairs.begin(), pairs.end(), key_less);
  if (std::adjacent_find(pairs.begin(), pairs.end(), same_key) != pairs.end()) return std::nullopt;
  Datum datum;
  datum.keys_.reserve(pairs.size());
  datum.values_.reserve(pairs.size());
  for (auto& [key, value] : pairs) {
    datum.keys_.push_back(std::move(key));
    datum.values_.push_back(std::move(value));
  }
  return datum;
}

bool Datum::contains(const Atom& key) const {
  return std::binary_search(keys_.begin(), keys_.end(), key);
}

const Atom* Datum::find(const Atom& key) const {
  const auto at = std::lower_bound(keys_.begin(), keys_.end(), key);
  if (at == keys_.end() || *at != key || values_.empty()) return nullptr;
  return &values_[static_cast<std::size_t>(at - keys_.begin())];
}

void Datum::insert(Atom key) {
  const auto at = std::lower_bound(keys_.begin(), keys_.end(), key);
  if (at == keys_.end() || *at != key) keys_.insert(at, std::move(key));
}

void Datum::insert(Atom key, Atom value) {
  const auto at = std::lower_bound(keys_.begin(), keys_.end(), key);
  const auto value_at = values_.begin() + (at - keys_.begin());
  if (at != keys_.end() && *at == key) {
    *value_at = std::move(value);
    return;
  }
  values_.insert(value_at, std::move(value));
  keys_.insert(at, std::move(key));
}

bool Datum::erase(const Atom& key) {
  const auto at = std::lower_bound(keys_.begin(), keys_.end(), key);
  if (at == keys_.end() || *at != key) return false;
  if (!values_.empty()) values_.erase(values_.begin() + (at - keys_.begin()));
  keys_.erase(at);
  return true;
}

void Datum::insert_missing(const Datum& more) {
  if (is_few(more.size(), size())) {
    for (std::size_t i = 0; i < more.size(); ++i) {
      if (!more.is_map()) {
        insert(more.keys_[i]);
      } else if (!contains(more.keys_[i])) {
        insert(more.keys_[i], more.values_[i]);
      }
    }
    return;
  }
  Datum merged;
  const bool is_pairs = is_map() || more.is_map();
  const auto take = [&](const Datum& from, std::size_t i) {
    merged.keys_.push_back(from.keys_[i]);
    if (is_pairs) merged.values_.push_back(from.values_[i]);
  };
  merged.keys_.reserve(size() + more.size());
  std::size_t own = 0, other = 0;
  while (own < size() || other < more.size()) {
    const bool is_other = own == size() || (other < more.size() && more.keys_[other] < keys_[own]);
    if (is_other) {
      take(more, other++);
      continue;
    }
    if (other < more.size() && more.keys_[other] == keys_[own]) ++other;
    take(*this, own++);
  }
  *this = std::move(merged);
}

void Datum::erase_all(const Datum& part) {
  Datum rest;
  std::size_t other = 0;
  for (std::size_t own = 0; own < size(); ++own) {
    while (other < part.size() && part.keys_[other] < keys_[own]) ++other;
    const bool is_same = other < part.size() && part.keys_[other] == keys_[own] &&
                         (!part.is_map() || part.values_[other] == values_[own]);
    if (is_same) continue;
    rest.keys_.push_back(std::move(keys_[own]));
    if (is_map()) rest.values_.push_back(std::move(values_[own]));
  }
  *this = std::move(rest);
}

std::strong_ordering Datum::compare(const Datum& other) const {
  if (const auto order = size() <=> other.size(); order != 0) return order;
  if (const auto order = order_of(keys_, other.keys_); order != 0) return order;
  return order_of(values_, other.values_);
}

namespace {

std::size_t mix(std::size_t seed, std::size_t hash) {
  return seed ^ (hash + 0x9e3779b97f4a7c15U + (seed << 6) + (seed >> 2));
}

std::size_t mix(std::size_t seed, const std::vector<Atom>& atoms) {
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
