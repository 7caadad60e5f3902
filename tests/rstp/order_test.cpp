#include "vswitchd/rstp/order.hpp"

#include <gmock/gmock.h>

namespace bondway::rstp {
namespace {

using testing::ElementsAre;

PortOrder added(const std::vector<std::uint16_t>& numbers) {
  PortOrder order;
  for (const std::uint16_t number : numbers) order.add(number);
  return order;
}

// All expectations here were printed by the reference's rstp/show.

TEST(PortOrder, IsThatOfTheReferencesHashTable) {
  EXPECT_THAT(added({}).numbers(), ElementsAre());
  EXPECT_THAT(added({1, 2, 3}).numbers(), ElementsAre(1, 2, 3));
  EXPECT_THAT(added({1, 2, 3, 4, 5, 6, 7, 8}).numbers(), ElementsAre(8, 5, 1, 4, 6, 7, 2, 3));
  EXPECT_THAT(added({100, 107, 114, 121, 128, 135, 142, 149}).numbers(),
              ElementsAre(121, 114, 100, 149, 107, 142, 128, 135));
}

TEST(PortOrder, DependsOnWhoCameFirst) {
  EXPECT_THAT(added({8, 7, 6, 5, 4, 3, 2, 1}).numbers(), ElementsAre(8, 5, 7, 6, 4, 1, 2, 3));
}

TEST(PortOrder, ForgetsWhoLeaves) {
  PortOrder order = added({1, 2, 3, 4, 5, 6, 7, 8});
  order.remove(4);
  order.remove(99);
  EXPECT_THAT(order.numbers(), ElementsAre(8, 5, 1, 6, 7, 2, 3));
}

}  // namespace
}  // namespace bondway::rstp
