#pragma once

#include <list>
#include <string>
#include <string_view>
#include <vector>

namespace bondway::bond {

/// The order in which the reference walks its bonds in `bond/show` and `bond/list`: that of its
/// hash table keyed by name, which depends on when each was created.  Add and remove every bond as
/// it comes and goes.
class ReferenceOrder {
 public:
  void insert(std::string name);
  void erase(std::string_view name);  ///< nothing happens if it is not there
  std::vector<std::string> names() const;

 private:
  using Slots = std::vector<std::list<std::string>>;

  std::list<std::string>& slot(std::string_view name);
  void resize(std::size_t slots);

  Slots slots_ = Slots(1);  ///< a power of two of them; the newest name first in each
  std::size_t size_ = 0;
};

}  // namespace bondway::bond
