#include "db/rpc/asio.hpp"

#include <gtest/gtest.h>

namespace bondway {

TEST(Asio, RunsWhatWasPosted) {
  asio::io_context context;
  int runs = 0;
  asio::post(context, [&] { ++runs; });
  context.run();
  EXPECT_EQ(runs, 1);
}

}  // namespace bondway
