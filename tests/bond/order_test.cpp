#include "vswitchd/bond/order.hpp"

#include <gmock/gmock.h>

#include <sstream>

namespace bondway::bond {
namespace {

using testing::ElementsAre;

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::vector<std::string> in_order(const std::vector<std::string>& created) {
  ReferenceOrder order;
  for (const std::string& name : created) order.insert(name);
  return order.values();
}

const char* const kCreated =
    "bond0 bond1 b a lag-uplink po1 po2 team_a storage bond10 bond11 bond12 x1 x2 x3 x4 x5 "
    "longer-name-of-a-bond q zz";

// All expectations here were printed by the reference's bond/list.

TEST(BondOrder, IsThatOfTheReferencesHashTable) {
  EXPECT_THAT(in_order({"bond0", "bond1"}), ElementsAre("bond1", "bond0"));
  EXPECT_THAT(in_order({"bond0", "bond2", "bond3"}), ElementsAre("bond3", "bond2", "bond0"));
  EXPECT_THAT(in_order({}), ElementsAre());
}

TEST(BondOrder, KeepsTheTraceOfDeletedBonds) {
  ReferenceOrder order;
  for (const std::string& name : words(kCreated)) order.insert(name);
  for (const char* name : {"po1", "b", "never-there"}) order.erase(name);
  EXPECT_EQ(order.values(),
            words("lag-uplink q a x2 po2 bond10 x1 x5 x3 storage bond1 bond11 team_a bond12 x4 zz "
                  "longer-name-of-a-bond bond0"));
}

}  // namespace
}  // namespace bondway::bond
