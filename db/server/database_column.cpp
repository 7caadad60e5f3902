#include "db/server/database_column.hpp"

namespace bondway::server {

Result<DatabaseColumn> DatabaseColumn::parse(const std::string& text) {
  const std::size_t first = text.find(',');
  const std::size_t second = text.find(',', first == std::string::npos ? first : first + 1);
  if (!text.starts_with("db:") || second == std::string::npos)
    return fail("\"{}\": invalid syntax", text);
  return DatabaseColumn{text.substr(3, first - 3), text.substr(first + 1, second - first - 1),
                        text.substr(second + 1)};
}

}  // namespace bondway::server
