#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "db/engine/condition.hpp"
#include "db/engine/database.hpp"
#include "db/engine/error.hpp"

namespace bondway::server {

/// Which request made a monitor, and so in which form it reports.
enum class MonitorKind : std::uint8_t {
  monitor,             ///< RFC 7047, 4.1.5: "update", <table-updates>
  monitor_cond,        ///< "update2", <table-updates2>: differences, and rows chosen by condition
  monitor_cond_since,  ///< "update3": the same with transaction ids
};

/// The occasions on which a row is reported; RFC 7047, 4.1.5 <monitor-select>.
struct MonitorSelect {
  bool initial = true, insert = true, remove = true, modify = true;
};

/// What one client wants to know of one table, all its <monitor-request>s together.
struct MonitoredTable {
  struct Column {
    std::size_t position = 0;  ///< in Table::columns, or kUuid, or kVersion
    MonitorSelect select;
    db::Datum default_value;  ///< of the column's type
  };
  static constexpr std::size_t kUuid = static_cast<std::size_t>(-1);
  static constexpr std::size_t kVersion = static_cast<std::size_t>(-2);

  const db::Table* table = nullptr;
  std::vector<Column> columns;
  MonitorSelect select{false, false, false, false};  ///< what any of its requests selects
  /// A row is monitored that meets any of these; all rows if there is none.
  std::vector<db::Clause> conditions;
};

/// One monitor of one client: collects what changed and tells it when asked, as JSON text.  Pure.
///
/// Changes that came after one another are merged per row; a row that was inserted and deleted in
/// between is never heard of.  So a client that reads slowly costs no more than the rows there are.
class Monitor {
 public:
  /// `requests` is the <monitor-requests> of a request of that kind.
  static db::Result<Monitor> parse(MonitorKind kind, const db::Schema& schema,
                                   const nlohmann::json& requests);

  MonitorKind kind() const { return kind_; }

  /// The rows there are, as <table-updates> or <table-updates2>.
  std::string initial(const db::Database& database) const;

  /// Something was committed; what is not monitored is ignored.
  void record(const db::Changes& changes);

  /// What was recorded since the last call, as <table-updates> or <table-updates2>; empty when that
  /// is nothing to tell.
  std::optional<std::string> take_update();

  /// Replaces the conditions of the tables that `requests` names (<monitor-cond-requests>).  The
  /// result is what now enters or leaves the view, empty if nothing does.  A monitor of the first
  /// kind has no conditions; there the request is checked and ignored.  Call take_update() before.
  db::Result<std::optional<std::string>> change_conditions(const nlohmann::json& requests,
                                                           const db::Database& database);

 private:
  struct Pending {
    db::RowPtr before, after;
  };
  struct Watched {
    MonitoredTable request;
    std::map<db::Uuid, Pending> pending;
  };

  Monitor(MonitorKind kind, std::vector<Watched> tables)
      : kind_(kind), tables_(std::move(tables)) {}
  Watched* find(const db::Table& table);

  MonitorKind kind_;
  std::vector<Watched> tables_;  ///< by name
};

}  // namespace bondway::server
