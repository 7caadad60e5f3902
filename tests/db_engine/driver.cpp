// Runs "transact" parameters, one JSON array a line, on an empty database in memory and prints each
// result as one line: `driver SCHEMA-FILE`.  For comparing the engine with a running server.

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "db/engine/json_text.hpp"
#include "db/engine/transact.hpp"

int main(int argc, char** argv) {
  using namespace bondway::db;
  if (argc != 2) {
    std::cerr << "usage: driver SCHEMA-FILE\n";
    return 2;
  }
  std::ifstream file(argv[1]);
  auto schema = Schema::parse(nlohmann::json::parse(file));
  if (!schema) {
    std::cerr << schema.error().details << '\n';
    return 1;
  }
  Database database(std::move(*schema));
  for (std::string line; std::getline(std::cin, line);) {
    const TransactOutcome outcome = transact(database, nlohmann::json::parse(line));
    database.flush();
    const bool is_blocked = outcome.state == TransactOutcome::State::blocked;
    std::cout << (is_blocked ? "\"blocked\"" : json_text(outcome.results)) << std::endl;
  }
}
