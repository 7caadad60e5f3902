#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "db/engine/database.hpp"

namespace bondway::db {

enum class Access : std::uint8_t {
  read_write,
  read_only,  ///< the server, or this remote of it, accepts no changes
  reserved,   ///< a database of the server's own
};

/// The circumstances of a "transact" request, RFC 7047, 4.1.3.
struct TransactContext {
  Access access = Access::read_write;
  /// How long ago the request was first tried: what "wait" operations measure.
  std::chrono::milliseconds elapsed{0};
  /// Whether the client holds a lock, for "assert".  Empty function: it holds none.
  std::function<bool(std::string_view lock)> holds_lock{};
  /// Where nobody could try again: an unmet "wait" is an error, whatever its timeout.
  bool may_block = true;
  /// How much work one transaction may be, lest it fill the memory or keep everybody waiting: so
  /// many values returned, and three times those that the database holds.  Four rows looked
  /// through, each once and once more for every clause, count as one.
  std::size_t budget = 60'000;
};

struct TransactOutcome {
  enum class State : std::uint8_t {
    done,     ///< applied, see Database::when_flushed()
    failed,   ///< nothing happened; `results` says why
    blocked,  ///< nothing happened yet: try again after the next change, or at `deadline`
  };
  State state = State::done;
  /// The "result" of the reply.  When a flush takes the transaction back, the reply is this with
  /// the error object appended; one that changed nothing can simply be run again.
  nlohmann::json results;
  bool changed = false;  ///< whether a row differs now
  /// Of a blocked one: since the first try.  Empty: it waits forever.
  std::optional<std::chrono::milliseconds> deadline{};
};

/// Runs operations `params[1]` and later of a "transact" request against a database.
TransactOutcome transact(Database& database, const nlohmann::json& params,
                         const TransactContext& context = {});

}  // namespace bondway::db
