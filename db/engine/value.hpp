#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bondway::db {

/// A row's identity.  RFC 4122 text form, always printed in lower case; the default is all zero.
class Uuid {
 public:
  constexpr Uuid() = default;
  constexpr explicit Uuid(const std::array<std::uint8_t, 16>& octets) : octets_(octets) {}

  static Uuid random();
  /// The 36-character form only; either letter case.
  static std::optional<Uuid> parse(std::string_view text);

  const std::array<std::uint8_t, 16>& octets() const { return octets_; }
  bool is_zero() const { return *this == Uuid(); }
  /// The order of the lower-case text is the order of the octets.
  auto operator<=>(const Uuid&) const = default;

 private:
  std::array<std::uint8_t, 16> octets_{};
};

std::string to_string(const Uuid& uuid);

/// RFC 7047, 3.1 <atomic-type>; in the order of Atom's alternatives.
enum class AtomicType : std::uint8_t { integer, real, boolean, string, uuid };
std::string_view to_string(AtomicType type);

/// RFC 7047, 5.1 <atom>.  Two atoms that are compared are of the same type; then < is the
/// database's order: numbers by value, strings by octets, uuids by their text.
using Atom = std::variant<std::int64_t, double, bool, std::string, Uuid>;

inline AtomicType type_of(const Atom& atom) { return static_cast<AtomicType>(atom.index()); }

/// A column's content, RFC 7047, 5.1 <value>: a set of atoms (an optional or a plain scalar is a
/// set of at most one), or a map.  Always sorted by key and without duplicates, so == is equality.
class Datum {
 public:
  Datum() = default;
  explicit Datum(Atom atom) : Datum(1, 0) { atoms_[0] = std::move(atom); }
  Datum(const Datum& other);
  Datum(Datum&& other) noexcept;
  Datum& operator=(const Datum& other);
  Datum& operator=(Datum&& other) noexcept;
  ~Datum() = default;

  /// Sorts.  Empty when two elements (or two keys) are equal.
  static std::optional<Datum> set(std::vector<Atom> elements);
  static std::optional<Datum> map(std::vector<std::pair<Atom, Atom>> pairs);

  std::size_t size() const { return keys_; }
  bool empty() const { return keys_ == 0; }
  bool is_map() const { return values_ != 0; }  ///< false for an empty map, too
  /// Live as long as the unmodified datum.
  std::span<const Atom> keys() const { return {atoms_.get(), keys_}; }
  std::span<const Atom> values() const { return {atoms_.get() + keys_, values_}; }  ///< or empty

  bool contains(const Atom& key) const;
  /// The value of a key in a map, or null.  Lives as long as the unmodified datum.
  const Atom* find(const Atom& key) const;

  /// Adds an element, or sets a key's value.
  void insert(Atom key);
  void insert(Atom key, Atom value);
  /// Removes an element or a key with its value; false if there was none.
  bool erase(const Atom& key);

  /// Adds all elements, or the pairs whose keys it lacks; linear in both.
  void insert_missing(const Datum& more);
  /// Removes these elements or keys; of a map, given a map, only pairs of the same value.  Linear.
  void erase_all(const Datum& part);

  /// The order of the database: number of elements, then keys, then values.
  std::strong_ordering compare(const Datum& other) const;
  bool operator==(const Datum& other) const;

 private:
  Datum(std::size_t keys, std::size_t values);
  std::size_t place_of(const Atom& key) const;
  void move_from(Datum& other, std::size_t begin, std::size_t end, std::size_t to);

  // One allocation, the values behind the keys, none when empty: most columns of most rows are.
  std::unique_ptr<Atom[]> atoms_;
  std::uint32_t keys_ = 0, values_ = 0;
};

std::size_t hash_of(const Atom& atom);
std::size_t hash_of(const Datum& datum);

}  // namespace bondway::db

template <>
struct std::hash<bondway::db::Uuid> {
  std::size_t operator()(const bondway::db::Uuid& uuid) const noexcept {
    std::size_t mixed = 0;
    for (std::size_t i = 0; i < 8; ++i) mixed = (mixed << 8) | uuid.octets()[i];
    return mixed;  // uuids are random: any eight octets do
  }
};
