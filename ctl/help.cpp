#include "ctl/help.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "ctl/command.hpp"
#include "ctl/parse.hpp"
#include "ctl/records.hpp"

namespace bondway::ctl {
namespace {

/// One global option for people.
struct OptionHelp {
  std::string_view group, text, summary;
};

constexpr OptionHelp kOptionHelp[] = {
    {"Options", "--db=REMOTE[,REMOTE]...",
     "database server: unix:FILE, tcp:HOST[:PORT] or ssl:HOST[:PORT] (default: db.sock in "
     "$OVS_RUNDIR)"},
    {"Options", "--no-wait", "do not wait for the daemon to apply the change"},
    {"Options", "-t, --timeout=SECS", "give up, by SIGALRM, after so many seconds"},
    {"Options", "--retry", "keep trying to connect"},
    {"Options", "--dry-run", "run the commands, but change nothing"},
    {"Options", "--oneline", "print exactly one line for each command"},
    {"Options", "--lint", "tell about keys and values that will be ignored or changed"},
    {"Options", "--strict", "refuse such keys and values, before anything is changed"},
    {"Options", "--commands, --options", "list them for completion scripts"},
    {"Options", "-h, --help", "print this help"},
    {"Options", "-V, --version", "print the version"},
    {"Output", "-f, --format=FORMAT", "of tables: list, table, html, csv or json"},
    {"Output", "-d, --data=FORMAT", "of values in tables: string, bare or json"},
    {"Output", "--no-headings", "leave out headings"},
    {"Output", "--pretty", "indent JSON"},
    {"Output", "--bare", "the same as --format=list --data=bare --no-headings"},
    {"Output", "--max-column-width=N", "cut columns of format table at so many characters"},
    {"TLS", "-p, --private-key=FILE", "our private key"},
    {"TLS", "-c, --certificate=FILE", "our certificate"},
    {"TLS", "-C, --ca-cert=FILE", "the certificate authority of the server"},
    {"TLS", "--bootstrap-ca-cert=FILE", "the same; fetched from the server if it does not exist"},
    {"TLS", "--peer-ca-cert=FILE", "certificates to send to the server along with ours"},
    {"TLS", "--ssl-protocols=PROTOCOLS", "TLS versions to use, with commas between"},
    {"TLS", "--ssl-ciphers=CIPHERS", "ciphers to use"},
    {"Logging", "-v, --verbose[=SPEC]", "set logging levels"},
    {"Logging", "--log-file[=FILE]", "log to a file"},
    {"Logging", "--no-syslog", "log only warnings to syslog"},
    {"Logging", "--syslog-method=METHOD", "libc, null, unix:FILE or udp:IP:PORT"},
    {"Logging", "--syslog-target=HOST:PORT", "also send to syslog there over UDP"},
};

/// `!A ?B *C +D` as `A [B] [C]... D...`.
std::string arguments_for_people(std::string_view arguments) {
  std::string text;
  for (const std::string_view argument : words_of(arguments)) {
    const char kind = argument[0];
    std::string name(argument.substr(1));
    if (const std::size_t key = name.find("?:KEY"); key != std::string::npos) {
      name.replace(key, 5, "[:KEY]");
    }
    if (const std::size_t key = name.find("?KEY="); key != std::string::npos) {
      name.replace(key, 5, "[KEY=]");
    }
    if (kind == '?' || kind == '*') name = "[" + name + "]";
    if (kind == '*' || kind == '+') name += "...";
    text += ' ' + name;
  }
  return text;
}

/// What --commands, which scripts parse, does not tell.
std::string_view arguments_of(const Command& command) {
  if (!command.arguments.empty() || command.max_arguments == 0) return command.arguments;
  if (command.name == "add-zone-tp") return "!DATAPATH !zone=N +KEY=SECONDS";
  if (command.name == "del-zone-tp") return "!DATAPATH !zone=N";
  return "!DATAPATH";
}

template <typename Rows>
std::vector<std::string_view> groups_of(const Rows& rows) {
  std::vector<std::string_view> groups;
  for (const auto& row : rows) {
    if (std::find(groups.begin(), groups.end(), row.group) == groups.end()) {
      groups.push_back(row.group);
    }
  }
  return groups;
}

std::string way_to_name(const RecordName& name) {
  if (name.through.empty()) return fmt::format("by \"{}\"", name.column);
  return fmt::format("by \"name\" of the {} whose \"{}\" it is", name.through, name.column);
}

void append_entry(std::string& out, std::string_view left, std::string_view right) {
  constexpr std::size_t kColumn = 30;
  out += fmt::format("  {}", left);
  if (left.size() + 2 >= kColumn) {
    out += '\n' + std::string(kColumn, ' ');
  } else {
    out.append(kColumn - left.size() - 2, ' ');
  }
  out += fmt::format("{}\n", right);
}

/// Text in which roff(7) sees no requests and no escapes.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '-') {
      out += "\\-";
    } else if (c == '\\') {
      out += "\\e";
    } else {
      out += c;
    }
  }
  return out;
}

void append_roff_entry(std::string& out, std::string_view left, std::string_view right) {
  out += fmt::format(".TP\n.B {}\n{}.\n", roff(left), roff(right));
}

constexpr std::string_view kDescription =
    "Configures a switch by reading and changing its Open_vSwitch database, which "
    "\\fBovsdb\\-server\\fR or the daemon itself serves. Commands are separated by \\fB\\-\\-\\fR; "
    "all of them see the same instant of the database, and their changes are made together or not "
    "at all. Unless \\fB\\-\\-no\\-wait\\fR is given, the tool then waits until "
    "\\fBovs\\-vswitchd\\fR has applied them.\n";

constexpr std::string_view kExitStatus =
    "0: success. 1: an error, which standard error tells. 2: br\\-exists found no such bridge. "
    "Killed by SIGALRM: \\fB\\-\\-timeout\\fR.\n";

}  // namespace

std::string synopsis(const Command& command) {
  std::string text;
  for_each_option(command, [&text](std::string_view name, bool has_value) {
    text += fmt::format("[--{}{}] ", name, has_value ? "=VALUE" : "");
  });
  return text + std::string(command.name) + arguments_for_people(arguments_of(command));
}

std::string help_text(const std::string& program) {
  std::string out = fmt::format(
      "{0}: configures a switch through its database\n"
      "usage: {0} [OPTIONS] COMMAND [ARG...] [-- COMMAND [ARG...]]...\n",
      program);
  for (const std::string_view group : groups_of(commands())) {
    out += fmt::format("\n{} commands:\n", group);
    for (const Command& command : commands()) {
      if (command.group == group) append_entry(out, synopsis(command), command.summary);
    }
  }
  out +=
      "\nRecords are named by UUID, by the beginning of one, as \".\" if there is no other, or:\n";
  for (const RecordName& name : record_names()) append_entry(out, name.table, way_to_name(name));
  for (const std::string_view group : groups_of(kOptionHelp)) {
    out += group == "Options" ? "\nOptions:\n" : fmt::format("\n{} options:\n", group);
    for (const OptionHelp& option : kOptionHelp) {
      if (option.group == group) append_entry(out, option.text, option.summary);
    }
  }
  return out;
}

std::string manual_text() {
  std::string out =
      ".TH ovs\\-vsctl 8\n.SH NAME\novs\\-vsctl \\- configure a switch through its database\n"
      ".SH SYNOPSIS\n\\fBovs\\-vsctl\\fR [\\fIoptions\\fR] [\\fB\\-\\-\\fR] \\fIcommand\\fR "
      "[\\fIargument\\fR]... [\\fB\\-\\-\\fR \\fIcommand\\fR [\\fIargument\\fR]...]...\n"
      ".SH DESCRIPTION\n";
  out += kDescription;
  for (const std::string_view group : groups_of(kOptionHelp)) {
    out += group == "Options" ? ".SH OPTIONS\n" : fmt::format(".SS {} options\n", group);
    for (const OptionHelp& option : kOptionHelp) {
      if (option.group == group) append_roff_entry(out, option.text, option.summary);
    }
  }
  out += ".SH COMMANDS\n";
  for (const std::string_view group : groups_of(commands())) {
    out += fmt::format(".SS {} commands\n", group);
    for (const Command& command : commands()) {
      if (command.group == group) append_roff_entry(out, synopsis(command), command.summary);
    }
  }
  out += ".SH RECORDS\nBesides by UUID, records may be named as follows.\n";
  for (const RecordName& name : record_names()) {
    append_roff_entry(out, name.table, way_to_name(name));
  }
  out += ".SH EXIT STATUS\n";
  out += kExitStatus;
  return out + ".SH SEE ALSO\novs\\-vswitchd.conf.db(5), ovsdb\\-server(1), ovs\\-appctl(8)\n";
}

}  // namespace bondway::ctl
