#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "db/engine/schema.hpp"

namespace bondway::ctl {

/// How the last word of a command line may go on.

/// Runs commands of ours, each given as its words, and returns the lines they print; nothing if the
/// database can't be asked.
using Ask = std::function<std::vector<std::string>(const std::vector<std::string>& words)>;

/// `words` is what was typed after the program's name, the last of them unfinished and perhaps
/// empty.  All candidates begin with it; they are sorted.
std::vector<std::string> complete(std::span<const std::string> words, const db::Schema& schema,
                                  const Ask& ask);

}  // namespace bondway::ctl
