#pragma once

#include <span>
#include <string>
#include <string_view>

#include "ctl/view.hpp"
#include "vswitchd/net/result.hpp"

namespace bondway::ctl {

/// How people name records: ovs-vsctl(8), "Identifying Tables, Records, and Columns".

/// One way besides the UUID in which the records of a table are named.
struct RecordName {
  std::string_view table;
  std::string_view column;   ///< of the table itself, if `through` is empty
  std::string_view through;  ///< else `column` of this table refers to the record, and its "name"
                             ///< names it; it must refer to no other
};
std::span<const RecordName> record_names();  ///< one row a table, by name
const RecordName* find_record_name(std::string_view table);

/// Announces what find_record() will ask first.
void want_record(View& view, const db::Table& table, const std::string& name,
                 const Columns& columns);

/// The record by UUID, by `.` for the only one, by name, or by an unambiguous beginning of its
/// UUID.  Null: there is none.
Result<Row*> find_record(View& view, const db::Table& table, const std::string& name,
                         const Columns& columns, Guard guard = Guard::yes);

}  // namespace bondway::ctl
