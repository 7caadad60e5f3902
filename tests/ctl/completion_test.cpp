// How a command line may go on, as a shell is told.

#include "ctl/completion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "db/engine/schemas.hpp"

namespace bondway::ctl {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using Words = std::vector<std::string>;

/// A database with two bridges, one of which has a bond.
Words answer(const Words& question) {
  if (question == Words{"list-br"}) return {"br0", "br1"};
  if (question == Words{"--columns=name", "list", "Port"}) return {"bond0", "br0"};
  if (question == Words{"--columns=name", "list", "Interface"}) return {"br0", "e1", "e2"};
  return {};
}

Words after(const Words& words) {
  const auto schema = db::Schema::parse(nlohmann::json::parse(db::vswitch_schema_text()));
  return complete(words, *schema, answer);
}

TEST(Completion, OffersCommandsAndTheirOptions) {
  EXPECT_THAT(after({"add-b"}), ElementsAre("add-bond", "add-bond-iface", "add-br"));
  EXPECT_THAT(after({""}), Contains("list-br"));
  EXPECT_THAT(after({"--may"}), ElementsAre("--may-exist"));
  EXPECT_THAT(after({"--lin"}), ElementsAre("--lint"));
  EXPECT_THAT(after({"--no-wait", "--", "br-e"}), ElementsAre("br-exists"));
  EXPECT_THAT(after({"-t", "5", "br-e"}), ElementsAre("br-exists"));
  EXPECT_THAT(after({"add-br", "br7", "--", "br-e"}), ElementsAre("br-exists"));
}

TEST(Completion, OffersWhatTheDatabaseHas) {
  EXPECT_THAT(after({"del-br", ""}), ElementsAre("br0", "br1"));
  EXPECT_THAT(after({"list-ports", "br1"}), ElementsAre("br1"));
  EXPECT_THAT(after({"port-to-br", "b"}), ElementsAre("bond0", "br0"));
  EXPECT_THAT(after({"iface-to-br", "e"}), ElementsAre("e1", "e2"));
  EXPECT_THAT(after({"del-port", "b"}), ElementsAre("bond0", "br0", "br1"));
  EXPECT_THAT(after({"set", "port", "bo"}), ElementsAre("bond0"));
  EXPECT_THAT(after({"get", "bridge", ""}), IsEmpty());  // asks what answer() does not know
}

TEST(Completion, OffersTablesAndColumns) {
  EXPECT_THAT(after({"list", "P"}), ElementsAre("Port"));
  EXPECT_THAT(after({"get", "Port", "bond0", "bond_m"}), ElementsAre("bond_mode"));
  EXPECT_THAT(after({"set", "Port", "bond0", "bond_m"}), ElementsAre("bond_mode="));
  EXPECT_THAT(after({"set", "Port", "bond0", "other"}), ElementsAre("other_config:"));
  EXPECT_THAT(after({"clear", "Port", "bond0", "tr"}), ElementsAre("trunks"));
  EXPECT_THAT(after({"set", "bogus", "bond0", "x"}), IsEmpty());
}

TEST(Completion, OffersValues) {
  EXPECT_THAT(
      after({"set", "Port", "bond0", "bond_mode="}),
      ElementsAre("bond_mode=active-backup", "bond_mode=balance-slb", "bond_mode=balance-tcp"));
  EXPECT_THAT(after({"set", "Port", "bond0", "lacp=a"}), ElementsAre("lacp=active"));
  EXPECT_THAT(after({"add-bond", "br0", "bond1", "e3", "e4", "lacp=p"}),
              ElementsAre("lacp=passive"));
  EXPECT_THAT(after({"set-fail-mode", "br0", "s"}), ElementsAre("secure", "standalone"));
  EXPECT_THAT(after({"set", "Bridge", "br0", "stp_enable="}),
              ElementsAre("stp_enable=false", "stp_enable=true"));
}

TEST(Completion, OffersKnownKeysOfOtherConfigAndTheirValues) {
  EXPECT_THAT(after({"set", "Port", "bond0", "other_config:lacp-t"}),
              ElementsAre("other_config:lacp-time=", "other_config:lacp-timeout-multiplier="));
  EXPECT_THAT(after({"set", "Port", "bond0", "other_config:lacp-time="}),
              Contains("other_config:lacp-time=fast"));
  EXPECT_THAT(after({"set", "Bridge", "br0", "other_config:"}),
              Not(Contains("other_config:lacp-time=")));
  EXPECT_THAT(after({"remove", "Port", "bond0", "other_config", "bond-p"}),
              ElementsAre("bond-primary="));
}

TEST(Completion, IsSilentWhereAnythingMayStand) {
  EXPECT_THAT(after({"add-br", ""}), IsEmpty());
  EXPECT_THAT(after({"frob", ""}), IsEmpty());
  EXPECT_THAT(after({"show", ""}), IsEmpty());
  EXPECT_THAT(after({}), IsEmpty());
}

}  // namespace
}  // namespace bondway::ctl
