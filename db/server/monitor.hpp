#pragma once

#include <cstdint>
#include <map>
#include <memory>
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

/// What one monitor request asks for, and what has changed of it: shared by all monitors with the
/// same request, of whatever client, so that a change is kept and put into words once for all.
/// Pure.
class MonitorView {
 public:
  /// `requests` is the <monitor-requests> of a request of that kind.
  static db::Result<std::shared_ptr<MonitorView>> parse(MonitorKind kind, const db::Schema& schema,
                                                        const nlohmann::json& requests);

  MonitorKind kind() const { return kind_; }

  /// The rows there are, as <table-updates> or <table-updates2>.
  std::string initial(const db::Database& database) const;

  /// Something was committed; what is not monitored is ignored.
  void record(const db::Changes& changes);

 private:
  friend class Monitor;

  /// What came between one moment at which some monitor was up to date and the next.  Each monitor
  /// holds the first that it has not told; those that all have told are gone.
  struct Batch {
    ~Batch();
    std::uint64_t number = 0;
    db::Changes changes{};
    std::shared_ptr<Batch> next{};
  };
  struct Pending {
    db::RowPtr before{}, after{};
  };
  /// Changes merged per row, in the order in which they are told: by table, by uuid.
  using Rows = std::map<std::pair<std::size_t, db::Uuid>, Pending>;
  struct Told {
    std::uint64_t from = 0, to = 0;  ///< numbers of batches; `to` is not included
    std::optional<std::string> text{};
  };

  MonitorView(MonitorKind kind, std::vector<MonitoredTable> tables)
      : kind_(kind), tables_(std::move(tables)), open_(std::make_shared<Batch>()) {}
  std::optional<std::size_t> find(const db::Table& table) const;  ///< in tables_
  /// The batch that will hold what is recorded from now on.
  const std::shared_ptr<Batch>& cut();
  void merge(const Batch& batch, Rows& rows) const;
  std::optional<std::string> text(const Rows& rows) const;

  MonitorKind kind_;
  std::vector<MonitoredTable> tables_;  ///< by name
  std::shared_ptr<Batch> open_;
  std::optional<Told> told_{};  ///< the last, which most likely is also the next
};

/// One monitor of one client: tells what changed when asked, as JSON text.  Pure.
///
/// Changes that came after one another are merged per row; a row that was inserted and deleted in
/// between is never heard of.  So a client that reads slowly costs no more than the rows there are,
/// provided fall_behind() is called when it is passed over.
class Monitor {
 public:
  /// Tells what is recorded from now on.
  explicit Monitor(std::shared_ptr<MonitorView> view);

  MonitorKind kind() const { return view_->kind_; }
  const MonitorView& view() const { return *view_; }

  /// What was recorded since the last call, as <table-updates> or <table-updates2>; empty when that
  /// is nothing to tell.
  std::optional<std::string> take_update();

  /// Not asked in this round: keeps what was recorded for itself, merged.
  void fall_behind();

  /// The view with other conditions for the tables that `requests` names (<monitor-cond-requests>),
  /// and what enters or leaves it, empty if nothing does.  Null if the view stays as it is: one of
  /// the first kind has no conditions; there the request is checked and ignored.
  struct Change {
    std::shared_ptr<MonitorView> view{};
    std::optional<std::string> updates{};
  };
  db::Result<Change> change_conditions(const nlohmann::json& requests,
                                       const db::Database& database) const;

 private:
  std::shared_ptr<MonitorView> view_;
  std::shared_ptr<MonitorView::Batch> next_;  ///< the first that is not told
  MonitorView::Rows behind_{};                ///< what came before it and is not told either
};

}  // namespace bondway::server
