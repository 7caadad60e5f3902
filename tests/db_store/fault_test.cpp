#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "db/engine/transact.hpp"
#include "db/store/stored_database.hpp"
#include "faulty_disk.hpp"

namespace bondway::db {
namespace {

using nlohmann::json;
using std::filesystem::path;

constexpr int kTransactions = 200;

constexpr const char* kSchema = R"({"name":"Lab","version":"1.0.0","tables":{
  "Counter":{"isRoot":true,"columns":{"value":{"type":"integer"}}},
  "Item":{"isRoot":true,"columns":{"number":{"type":"integer"},"text":{"type":"string"}},
          "indexes":[["number"]]}}})";

/// 200 transactions, every third of them durable; transaction n sets the counter to n, makes item n
/// and removes item n - 20: what a file must hold after n of them follows from n.
class FaultTest : public testing::Test {
 protected:
  FaultTest() {
    // Memory, where there is such a folder: every test syncs thousands of times.
    const path base = std::filesystem::exists("/dev/shm") ? path("/dev/shm")
                                                          : std::filesystem::temp_directory_path();
    std::string name = base / "bondway-fault-XXXXXX";
    folder_ = mkdtemp(name.data());
    std::filesystem::create_directory(folder_ / "disk");
    file_ = folder_ / "disk" / "conf.db";
    auto created = StoredDatabase::create(file_, *Schema::parse(json::parse(kSchema)));
    EXPECT_TRUE(created) << created.error().details;
    (void)commit((*created)->database(), R"({"op":"insert","table":"Counter","row":{"value":0}})");
  }
  ~FaultTest() override { std::filesystem::remove_all(folder_); }

  static std::optional<Error> commit(Database& database, const std::string& operations) {
    const auto outcome = transact(database, json::parse("[\"Lab\"," + operations + "]"));
    EXPECT_EQ(outcome.state, TransactOutcome::State::done) << outcome.results;
    return database.flush();
  }

  static bool is_durable(int n) { return n % 3 == 0; }

  static std::optional<Error> run_transaction(Database& database, int n) {
    const std::string number = std::to_string(n);
    return commit(database, R"({"op":"update","table":"Counter","where":[],"row":{"value":)" +
                                number + R"(}},{"op":"insert","table":"Item","row":{"number":)" +
                                number + R"(,"text":")" +
                                std::string(static_cast<std::size_t>(n % 7) * 300, 'x') +
                                R"("}},{"op":"delete","table":"Item","where":[["number","==",)" +
                                std::to_string(n - 20) + R"(]]},{"op":"commit","durable":)" +
                                (is_durable(n) ? "true}" : "false}"));
  }

  /// How many transactions a database has seen; -1 if it holds part of one.
  static int transactions_in(const Database& database) {
    const Table& counter = *database.schema().find("Counter");
    const Table& item = *database.schema().find("Item");
    if (database.rows(counter).size() != 1) return -1;
    const auto n =
        std::get<std::int64_t>(database.rows(counter).begin()->second->columns[0].keys()[0]);
    const auto first = std::max<std::int64_t>(1, n - 19);
    if (database.rows(item).size() != static_cast<std::size_t>(n - first + 1)) return -1;
    for (std::int64_t i = first; i <= n; ++i) {
      const Datum key[] = {Datum(Atom(i))};
      if (!database.find(item, 0, key)) return -1;
    }
    return static_cast<int>(n);
  }

  /// What happens by itself after some thousand pages: the log is copied into the file.
  void checkpoint() const {
    sqlite3* handle = nullptr;
    sqlite3_open_v2(file_.c_str(), &handle, SQLITE_OPEN_READWRITE, nullptr);
    sqlite3_exec(handle, "PRAGMA wal_checkpoint(PASSIVE)", nullptr, nullptr, nullptr);
    sqlite3_close(handle);
  }

  static Schema upgraded_schema() {
    json schema = json::parse(kSchema);
    schema["version"] = "2.0.0";
    schema["tables"]["Item"]["columns"]["zeal"] = {{"type", "integer"}};
    return *Schema::parse(schema);
  }

  path folder_, file_;
};

/// At every write and sync of the workload the power is cut, in four ways; each time the file opens
/// by itself, with every durable transaction that was answered and no part of any other.
TEST_F(FaultTest, APowerCutAtAnyMomentLosesNothingDurable) {
  FaultyDisk disk;
  std::mt19937 random(1);
  int durable = 0, begun = 0;
  std::size_t cuts = 0;
  auto stored = StoredDatabase::open(file_);
  ASSERT_TRUE(stored) << stored.error().details;
  disk.before_operation = [&] {
    for (const Survival survival :
         {Survival::nothing, Survival::everything, Survival::some, Survival::torn}) {
      disk.cut_power(file_.parent_path(), folder_ / "after", survival, random);
      const auto after = StoredDatabase::open(folder_ / "after" / "conf.db");
      EXPECT_TRUE(after) << after.error().details;
      if (!after) continue;
      const int found = transactions_in((*after)->database());
      EXPECT_GE(found, durable) << "of " << begun << ", survival " << static_cast<int>(survival);
      EXPECT_LE(found, begun);
      ++cuts;
    }
    return testing::Test::HasFailure() ? SQLITE_IOERR : SQLITE_OK;
  };
  for (begun = 1; begun <= kTransactions && !HasFailure(); ++begun) {
    ASSERT_FALSE(run_transaction((*stored)->database(), begun));
    if (is_durable(begun)) durable = begun;
    if (begun % 13 == 0) checkpoint();
  }
  EXPECT_GT(cuts, 4U * kTransactions);
  disk.before_operation = nullptr;
}

/// Every write and sync of the workload fails once.  The transaction is refused and taken back,
/// reads go on, the next transaction succeeds, and the file holds what was answered.
class FailureTest : public FaultTest, public testing::WithParamInterface<int> {};

TEST_P(FailureTest, AFailedWriteIsRefusedAndForgotten) {
  std::size_t operations = 1;
  for (std::size_t fault_at = 1; fault_at <= operations && !HasFailure(); ++fault_at) {
    std::filesystem::remove_all(folder_ / "disk");
    std::filesystem::create_directory(folder_ / "disk");
    FaultyDisk disk;
    auto stored = StoredDatabase::create(file_, *Schema::parse(json::parse(kSchema)));
    ASSERT_TRUE(stored) << stored.error().details;
    Database& database = (*stored)->database();
    ASSERT_FALSE(commit(database, R"({"op":"insert","table":"Counter","row":{"value":0}})"));
    const std::size_t begin = disk.operations();
    disk.before_operation = [&] {
      return disk.operations() == begin + fault_at ? GetParam() : SQLITE_OK;
    };
    int failures = 0;
    for (int n = 1; n <= 40; ++n) {
      if (n % 13 == 0) checkpoint();
      while (const auto error = run_transaction(database, n)) {
        EXPECT_EQ(error->tag, "I/O error");
        EXPECT_EQ(transactions_in(database), n - 1) << "reads see what was answered";
        ASSERT_LE(++failures, 1) << "the disk is well again";
      }
    }
    operations = disk.operations() - begin;
    disk.before_operation = nullptr;
    stored->reset();
    const auto after = StoredDatabase::open(file_);
    ASSERT_TRUE(after) << after.error().details << ", fault " << fault_at;
    EXPECT_EQ(transactions_in((*after)->database()), 40) << "fault " << fault_at;
  }
  EXPECT_GT(operations, 40U);
}

INSTANTIATE_TEST_SUITE_P(Errors, FailureTest, testing::Values(SQLITE_FULL, SQLITE_IOERR),
                         [](const auto& fault) {
                           return fault.param == SQLITE_FULL ? "DiskFull" : "InputOutput";
                         });

/// The same for all 200 transactions: each is tried until every write and sync of it has failed
/// once, and after each failure the power is cut, too.
TEST_P(FailureTest, APowerCutAfterAFailedWriteLosesNothingDurable) {
  FaultyDisk disk;
  std::mt19937 random(2);
  auto stored = StoredDatabase::open(file_);
  ASSERT_TRUE(stored) << stored.error().details;
  Database& database = (*stored)->database();
  int durable = 0;
  std::size_t failures = 0;
  for (int n = 1; n <= kTransactions && !HasFailure(); ++n) {
    for (std::size_t fault_at = 1;; ++fault_at) {
      const std::size_t begin = disk.operations();
      disk.before_operation = [&] {
        return disk.operations() == begin + fault_at ? GetParam() : SQLITE_OK;
      };
      const auto error = run_transaction(database, n);
      disk.before_operation = nullptr;
      if (!error) break;
      ++failures;
      EXPECT_EQ(transactions_in(database), n - 1);
      const Survival survival = failures % 2 == 0 ? Survival::nothing : Survival::torn;
      disk.cut_power(file_.parent_path(), folder_ / "after", survival, random);
      disk.pause([&] {
        const auto after = StoredDatabase::open(folder_ / "after" / "conf.db");
        ASSERT_TRUE(after) << after.error().details;
        const int found = transactions_in((*after)->database());
        EXPECT_GE(found, durable) << "transaction " << n << ", fault " << fault_at;
        EXPECT_LE(found, n);
      });
    }
    if (is_durable(n)) durable = n;
    if (n % 13 == 0) checkpoint();
  }
  EXPECT_GT(failures, 2U * kTransactions);
}

/// A schema upgrade: whenever the power is cut, the file has the old schema or the new one, and all
/// rows; once it is answered, the new one.
TEST_F(FaultTest, AnUpgradeThatIsCutShortLeavesTheOldFileOrTheNew) {
  FaultyDisk disk;
  std::mt19937 random(3);
  auto stored = StoredDatabase::open(file_);
  ASSERT_TRUE(stored) << stored.error().details;
  for (int n = 1; n <= 30; ++n) ASSERT_FALSE(run_transaction((*stored)->database(), n));
  std::set<std::string> versions;
  const auto check = [&](Survival survival) {
    disk.cut_power(file_.parent_path(), folder_ / "after", survival, random);
    const auto after = StoredDatabase::open(folder_ / "after" / "conf.db");
    ASSERT_TRUE(after) << after.error().details;
    EXPECT_EQ(transactions_in((*after)->database()), 30);
    versions.insert((*after)->database().schema().version);
  };
  disk.before_operation = [&] {
    for (const Survival survival :
         {Survival::nothing, Survival::everything, Survival::some, Survival::torn})
      check(survival);
    return SQLITE_OK;
  };
  ASSERT_FALSE((*stored)->convert(upgraded_schema()));
  disk.before_operation = nullptr;
  EXPECT_EQ(versions.count("1.0.0"), 1U);
  versions.clear();
  disk.pause([&] { check(Survival::nothing); });
  EXPECT_EQ(versions, std::set<std::string>{"2.0.0"});
}

/// A write or sync of an upgrade fails: it is refused, and the database goes on as it was.
TEST_P(FailureTest, AFailedUpgradeChangesNothing) {
  FaultyDisk disk;
  auto stored = StoredDatabase::open(file_);
  ASSERT_TRUE(stored) << stored.error().details;
  for (int n = 1; n <= 30; ++n) ASSERT_FALSE(run_transaction((*stored)->database(), n));
  int transactions = 30, failures = 0;
  for (const bool stays : {false, true}) {
    for (std::size_t fault_at = 1; fault_at <= (stays ? 3U : 1000U); ++fault_at) {
      const std::size_t begin = disk.operations();
      disk.before_operation = [&] {
        const std::size_t number = disk.operations() - begin;
        return number == fault_at || (stays && number > fault_at) ? GetParam() : SQLITE_OK;
      };
      const auto error = (*stored)->convert(upgraded_schema());
      disk.before_operation = nullptr;
      if (!error) break;
      ++failures;
      EXPECT_EQ(error->tag, "I/O error");
      EXPECT_EQ((*stored)->database().schema().version, "1.0.0");
      ASSERT_FALSE(run_transaction((*stored)->database(), ++transactions)) << "fault " << fault_at;
      stored->reset();
      stored = StoredDatabase::open(file_);
      ASSERT_TRUE(stored) << stored.error().details << ", fault " << fault_at;
      EXPECT_EQ(transactions_in((*stored)->database()), transactions);
    }
    if (!stays) {
      EXPECT_EQ((*stored)->database().schema().version, "2.0.0");
      ASSERT_FALSE((*stored)->convert(*Schema::parse(json::parse(kSchema))));
    }
  }
  EXPECT_GT(failures, 5);
}

/// A disk that stays full: every write is refused in the same words, until there is space again.
TEST_F(FaultTest, AFullDiskKeepsAnsweringReads) {
  FaultyDisk disk;
  auto stored = StoredDatabase::open(file_);
  ASSERT_TRUE(stored);
  Database& database = (*stored)->database();
  ASSERT_FALSE(run_transaction(database, 1));
  disk.before_operation = [] { return SQLITE_FULL; };
  for (int attempt = 0; attempt < 10; ++attempt) {
    const auto error = run_transaction(database, 2);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->io_error, "No space left on device");
    EXPECT_EQ(error->details, file_.string() + ": database or disk is full");
    EXPECT_EQ(transactions_in(database), 1);
  }
  disk.before_operation = nullptr;
  EXPECT_FALSE(run_transaction(database, 2));
  EXPECT_EQ(transactions_in(database), 2);
}

}  // namespace
}  // namespace bondway::db
