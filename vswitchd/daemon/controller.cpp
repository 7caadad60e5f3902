#include "vswitchd/daemon/controller.hpp"

#include <malloc.h>

#include <algorithm>
#include <utility>

#include "process/version.hpp"

namespace bondway::daemon {
namespace {

constexpr Duration kAgeingInterval = 1s;
constexpr Duration kMiiPollInterval = 100ms;  ///< the finest bond-miimon-interval that is kept
constexpr Duration kRetryInterval = 100ms;    ///< after the database refused
/// What falls due within this time after a pass waits for the next one, so that thousands of
/// sessions share a few passes.
constexpr Duration kPassInterval = 10ms;
/// Statistics of more interfaces than this are written in several transactions, spread over the
/// interval: nobody has to wait for all of them.
constexpr std::size_t kStatisticsAtOnce = 256;
constexpr std::size_t kLargeChange = 200;   ///< steps
constexpr Duration kAfterLargeChange = 8s;  ///< by then statistics have been written once
constexpr Duration kLate = 100ms;           ///< partners may have been heard meanwhile
constexpr int kMaxRoundsPerPass = 100;      ///< of timers that set each other off

}  // namespace

Controller::Controller(asio::io_context& io, const process::Clock& clock, Switch& bondway_switch,
                       db::Database& database, std::function<void()> committed, process::Logger log)
    : io_(io),
      clock_(clock),
      switch_(bondway_switch),
      database_(database),
      committed_(std::move(committed)),
      log_(log),
      reconciler_(database),
      status_(bondway_switch, database.schema()),
      timer_(io),
      retry_(io),
      next_statistics_(clock.now() + 5s),
      next_ageing_(clock.now() + kAgeingInterval),
      next_mii_poll_(clock.now() + kMiiPollInterval) {}

void Controller::start() {
  log_.info("{}", process::version_text("ovs-vswitchd"));
  subscription_ = database_.observe([this](const db::Changes& changes) { on_changes(changes); });
  switch_.on_settled = [this] { on_settled(); };
  switch_.apply(reconciler_.start());
  write_status();
}

void Controller::pass() {
  last_pass_ = clock_.now();
  armed_.reset();
  if (switch_.deadline().value_or(TimePoint::max()) < clock_.now() - kLate) switch_.listen();
  for (int round = 0; round < kMaxRoundsPerPass; ++round) {
    const auto deadline = switch_.deadline();
    if (!deadline || *deadline > clock_.now()) break;
    switch_.expire();
  }
  if (switch_.polls_mii() && clock_.now() >= next_mii_poll_) {
    next_mii_poll_ = clock_.now() + kMiiPollInterval;
    switch_.poll_mii();
  }
  if (clock_.now() >= next_ageing_) {
    next_ageing_ = clock_.now() + kAgeingInterval;
    age_addresses();
  }
  if (clock_.now() >= next_statistics_) {
    write_statistics();
    give_back_memory();
  }
  arm_timer();
}

/// What a large change needed in passing would stay with the process; some of it is in use until
/// the change is written and answered.
void Controller::give_back_memory() {
  if (!trim_due_ || clock_.now() < *trim_due_) return;
  trim_due_.reset();
  ::malloc_trim(0);
}

void Controller::write_statistics() {
  const std::size_t end = switch_.interfaces().end();
  const auto shares = static_cast<int>(end / kStatisticsAtOnce) + 1;
  const Duration interval = switch_.settings().statistics_interval / shares;
  for (int share = 0; share < shares && next_statistics_ <= clock_.now(); ++share) {
    db::Transaction transaction(database_);
    const std::size_t begin = std::exchange(next_interface_, next_interface_ + kStatisticsAtOnce);
    status_.write_statistics(begin, std::min(next_interface_, end), transaction);
    if (next_interface_ >= end) next_interface_ = 0;
    commit(transaction);
    next_statistics_ += interval;
  }
  next_statistics_ = clock_.now() + interval;
}

/// The database is in the middle of telling everybody: act when it is done.
void Controller::on_changes(const db::Changes& changes) {
  pending_.insert(pending_.end(), changes.begin(), changes.end());
  if (std::exchange(apply_posted_, true)) return;
  asio::post(io_, [this] { apply_changes(); });
}

void Controller::apply_changes() {
  apply_posted_ = false;
  const auto steps = reconciler_.apply(std::exchange(pending_, {}));
  if (steps.empty()) return;
  switch_.apply(steps);
  write_status();  // with cur_cfg: whoever waits for it sees what came of the change
  if (steps.size() >= kLargeChange) trim_due_ = clock_.now() + kAfterLargeChange;
}

void Controller::on_settled() {
  arm_timer();
  if (!switch_.has_news() && reached_cfg_ == switch_.settings().next_cfg) return;
  if (std::exchange(write_posted_, true)) return;
  asio::post(io_, [this] { write_status(); });
}

void Controller::write_status() {
  write_posted_ = false;
  StatusNews news = switch_.take_news();
  const std::int64_t next_cfg = switch_.settings().next_cfg;
  if (!switch_.row() || (news.empty() && reached_cfg_ == next_cfg)) return;
  db::Transaction transaction(database_);
  status_.write(news, transaction);
  status_.write_reached(next_cfg, transaction);
  if (reached_cfg_ < 0) status_.write_capabilities(transaction);
  if (commit(transaction)) {
    reached_cfg_ = next_cfg;
    return;
  }
  switch_.give_back(std::move(news));
  retry_.expires_after(kRetryInterval);
  retry_.async_wait([this](const boost::system::error_code& error) {
    if (!error) write_status();
  });
}

bool Controller::commit(db::Transaction& transaction) {
  const auto result = transaction.commit();
  const auto failed = result ? database_.flush() : std::optional(result.error());
  if (failed) {
    log_.limited(refusals_, process::LogLevel::warn, "cannot write status to the database: {}: {}",
                 failed->tag, failed->details);
  }
  committed_();
  return !failed;
}

void Controller::age_addresses() {
  switch_.datapath().exclusively([this] {
    for (auto& [row, bridge] : switch_.bridges()) bridge.bridge->macs()->expire(clock_.now());
  });
}

TimePoint Controller::next_duty() const {
  TimePoint duty = std::min(next_statistics_, next_ageing_);
  if (switch_.polls_mii()) duty = std::min(duty, next_mii_poll_);
  return std::min(duty, switch_.deadline().value_or(duty));
}

void Controller::arm_timer() {
  const TimePoint wake = std::max(next_duty(), last_pass_ + kPassInterval);
  if (armed_ == wake) return;
  armed_ = wake;
  const auto wait = clock_.real_time_until(wake);
  if (!wait) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(*wait);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) pass();
  });
}

}  // namespace bondway::daemon
