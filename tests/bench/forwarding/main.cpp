// forwarding_load: sends numbered frames into a switch, counts what comes out, and cuts cables
// meanwhile. One line of JSON says what happened.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <optional>
#include <ranges>
#include <string>
#include <thread>

#include "tests/bench/forwarding/generator.hpp"
#include "tests/bench/forwarding/redirect.hpp"
#include "tests/bench/forwarding/sink.hpp"

namespace bondway::bench {
namespace {

using Seconds = std::chrono::duration<double>;
namespace po = boost::program_options;

struct Settings {
  std::string from, to, redirect_from, redirect_to;
  Load load;
  double seconds = 2;
  int cuts = 0;
  bool count = false;
};

double milliseconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e6; }

void sleep(double seconds) { std::this_thread::sleep_for(Seconds(seconds)); }

/// Keeps the generator on the first processor; whoever forwards has the others.
void stay_on_first_processor() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/// The station behind the switch says where it is: a broadcast frame from its address.
void announce(const std::vector<Place>& devices) {
  std::vector<std::uint8_t> frame = frame_of(Load{}, 0);
  std::copy_n(frame.begin(), 6, frame.begin() + 6);
  std::fill_n(frame.begin(), 6, 0xff);
  for (const Place& device : devices) {
    const auto socket = sending_socket(device);
    // Not possible while its cable is cut.
    static_cast<void>(send(socket.get(), frame.data(), frame.size(), 0));
  }
}

constexpr std::uint64_t kLongestCut = 100'000'000;  ///< nanoseconds after which no switch is silent

struct Run {
  std::uint64_t sent = 0;
  double seconds = 0;
};

/// Sends while `meanwhile` runs, receives a little longer.
template <typename Meanwhile>
Run run(Generator& generator, Sink& sink, Meanwhile meanwhile) {
  std::atomic<bool> stop_sending = false, stop_receiving = false;
  Run result;
  std::thread receiver([&] { sink.run(stop_receiving); });
  const auto start = std::chrono::steady_clock::now();
  std::thread sender([&] {
    stay_on_first_processor();
    result.sent = generator.run(stop_sending);
  });
  meanwhile();
  stop_sending = true;
  sender.join();
  result.seconds = Seconds(std::chrono::steady_clock::now() - start).count();
  sleep(0.15);
  stop_receiving = true;
  receiver.join();
  return result;
}

void measure_throughput(const Settings& settings, const std::vector<Place>& sinks) {
  Generator generator(place(settings.from), settings.load);
  Sink sink(sinks, Sink::Keep::counts);
  std::uint64_t begin = 0, end = 0;
  double seconds = 0;
  const Run done = run(generator, sink, [&] {
    sleep(0.3);  // until caches are warm and queues full
    const auto start = std::chrono::steady_clock::now();
    begin = sink.received();
    sleep(settings.seconds);
    end = sink.received();
    seconds = Seconds(std::chrono::steady_clock::now() - start).count();
  });
  fmt::print("{{\"offered\": {:.0f}, \"forwarded\": {:.0f}, \"overrun\": {}}}\n",
             static_cast<double>(done.sent) / done.seconds,
             static_cast<double>(end - begin) / seconds, sink.overrun());
}

/// When it began, in seconds, and how long it was.
std::string text(const Silence& silence) {
  return fmt::format("[{:.6f}, {:.3f}, {:.3f}]", static_cast<double>(silence.window.begin) / 1e9,
                     milliseconds(silence.whole), milliseconds(silence.own));
}

void measure_outcome(const Settings& settings, const std::vector<Place>& sinks) {
  Generator generator(place(settings.from), settings.load);
  Sink sink(sinks, Sink::Keep::arrivals);
  Pauses pauses;
  const Run done = run(generator, sink, [&] { sleep(settings.seconds); });
  pauses.stop();
  const Outcome outcome = assess(sink.arrivals(), generator.sent_at(), pauses);
  fmt::print(
      "{{\"sent\": {}, \"received\": {}, \"lost\": {}, \"duplicated\": {}, \"reordered\": {}, "
      "\"silence_ms\": {:.3f}, \"own_silence_ms\": {:.3f}, \"overrun\": {}, "
      "\"silences\": [{}]}}\n",
      done.sent, outcome.received, outcome.lost, outcome.duplicated, outcome.reordered,
      milliseconds(outcome.silence), milliseconds(outcome.own_silence), sink.overrun(),
      fmt::join(outcome.silences | std::views::transform(text), ", "));
}

/// Cuts, under load, the cable that frames come in by; mends it for the next cut.
void measure_cuts(const Settings& settings, const std::vector<Place>& sinks) {
  std::vector<double> silences, own_silences, losses;
  for (int cut = 0; cut < settings.cuts; ++cut) {
    Generator generator(place(settings.from), settings.load);
    Sink sink(sinks, Sink::Keep::arrivals);
    std::size_t active = 0;
    Window window;
    netdev::UniqueFd control;
    inside(sinks[0].space, [&] {
      control = netdev::UniqueFd(check(socket(AF_INET, SOCK_DGRAM, 0), "control socket"));
    });
    Pauses pauses;
    run(generator, sink, [&] {
      sleep(0.2);
      active = sink.latest_device();
      window.begin = real_time();
      window.end = window.begin + kLongestCut;
      set_up(control.get(), sinks[active].device, false);
      sleep(0.2);
    });
    pauses.stop();
    const Outcome outcome = assess(sink.arrivals(), generator.sent_at(), pauses, window);
    set_up(control.get(), sinks[active].device, true);
    silences.push_back(milliseconds(outcome.silence));
    own_silences.push_back(milliseconds(outcome.own_silence));
    losses.push_back(static_cast<double>(outcome.lost));
    sleep(0.3);
  }
  for (auto* each : {&silences, &own_silences, &losses}) std::ranges::sort(*each);
  fmt::print(
      "{{\"silence_ms\": {:.3f}, \"own_silence_ms\": {:.3f}, \"silence_most_ms\": {:.3f}, "
      "\"own_silence_most_ms\": {:.3f}, \"lost\": {:.0f}, \"lost_most\": {:.0f}}}\n",
      silences[silences.size() / 2], own_silences[own_silences.size() / 2], silences.back(),
      own_silences.back(), losses[losses.size() / 2], losses.back());
}

int main(int argc, char** argv) {
  Settings settings;
  po::options_description options("forwarding_load");
  const auto text = [](std::string& place) { return po::value(&place); };
  options.add_options()("help", "this text")("from", text(settings.from),
                                             "NAMESPACE/DEVICE to send from")(
      "to", text(settings.to), "NAMESPACE/DEVICE,... to receive on")(
      "size", po::value(&settings.load.size), "octets of a frame, without check sequence")(
      "flows", po::value(&settings.load.flows), "addresses and ports to send from")(
      "rate", po::value(&settings.load.rate), "frames a second; default: all that can be")(
      "seconds", po::value(&settings.seconds), "how long")(
      "cuts", po::value(&settings.cuts), "cut the cable in use so often, under load")(
      "redirect", text(settings.redirect_from),
      "instead: NAMESPACE/DEVICE to redirect frames from")(
      "redirect-to", text(settings.redirect_to),
      "... DEVICE to redirect them to, until a signal comes");
  po::variables_map given;
  po::store(po::parse_command_line(argc, argv, options), given);
  po::notify(given);
  if (given.contains("help") || (settings.to.empty() && settings.redirect_from.empty())) {
    std::cout << options;
    return given.contains("help") ? 0 : 1;
  }
  if (!settings.redirect_from.empty()) {
    const auto link = redirect(place(settings.redirect_from), settings.redirect_to);
    pause();
    return 0;
  }
  const auto sinks = places(settings.to);
  announce(sinks);
  sleep(0.05);
  if (settings.cuts > 0) {
    measure_cuts(settings, sinks);
  } else if (settings.load.rate == 0) {
    measure_throughput(settings, sinks);
  } else {
    measure_outcome(settings, sinks);
  }
  return 0;
}

}  // namespace
}  // namespace bondway::bench

int main(int argc, char** argv) {
  try {
    return bondway::bench::main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "forwarding_load: {}\n", error.what());
    return 1;
  }
}
