#include <fmt/format.h>

#include "ctl/help.hpp"

// Writes the manual page, which is made from the same table as the tool.
int main() { fmt::print("{}", bondway::ctl::manual_text()); }
