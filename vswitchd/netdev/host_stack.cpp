#include "vswitchd/netdev/host_stack.hpp"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <vector>

#include "vswitchd/netdev/links.hpp"
#include "vswitchd/netdev/rtnl.hpp"

namespace bondway::netdev {
namespace {

constexpr std::uint32_t kIngress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
constexpr std::uint32_t kEgress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
constexpr std::uint32_t kPriority = 1;          ///< before everybody else
constexpr std::string_view kName = "bondway-";  ///< the process id follows
constexpr std::uint32_t kTcxIngress = 46;       ///< BPF_TCX_INGRESS, Linux 6.6

int bpf(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof(attributes)));
}

/// `return TC_ACT_SHOT`: drop, whatever it is.
Result<UniqueFd> load_program() {
  constexpr std::array<bpf_insn, 2> kDrop{
      bpf_insn{.code = BPF_ALU64 | BPF_MOV | BPF_K,
               .dst_reg = 0,
               .src_reg = 0,
               .off = 0,
               .imm = TC_ACT_SHOT},
      bpf_insn{.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  attributes.insns = reinterpret_cast<std::uint64_t>(kDrop.data());
  attributes.insn_cnt = kDrop.size();
  attributes.license = reinterpret_cast<std::uint64_t>("Apache-2.0");
  UniqueFd fd(bpf(BPF_PROG_LOAD, attributes));
  if (!fd) return system_error_text(errno);
  return fd;
}

tcmsg& put_header(RtnlRequest& request, unsigned ifindex, std::uint32_t parent) {
  auto& header = request.header<tcmsg>();
  header.tcm_ifindex = static_cast<int>(ifindex);
  header.tcm_parent = parent;
  return header;
}

Result<void> change_qdisc(int type, int flags, unsigned ifindex) {
  RtnlRequest request(type, NLM_F_ACK | flags);
  put_header(request, ifindex, TC_H_CLSACT).tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
  mnl_attr_put_strz(request.message(), TCA_KIND, "clsact");
  return Rtnl().ask(request);
}

/// The filter of this device that belongs to a process, by its handle.
Result<void> change_filter(int type, int flags, unsigned ifindex, pid_t owner, int program) {
  constexpr std::uint32_t kAll = static_cast<std::uint32_t>(ETH_P_ALL << 8);  // network order
  RtnlRequest request(type, NLM_F_ACK | flags);
  auto& header = put_header(request, ifindex, kIngress);
  header.tcm_info = TC_H_MAKE(kPriority << 16, kAll);
  header.tcm_handle = static_cast<std::uint32_t>(owner);
  nlmsghdr* message = request.message();
  mnl_attr_put_strz(message, TCA_KIND, "bpf");
  nlattr* options = mnl_attr_nest_start(message, TCA_OPTIONS);
  if (program >= 0) {
    mnl_attr_put_u32(message, TCA_BPF_FD, static_cast<std::uint32_t>(program));
    mnl_attr_put_strz(message, TCA_BPF_NAME, fmt::format("{}{}", kName, owner).c_str());
    mnl_attr_put_u32(message, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
  }
  mnl_attr_nest_end(message, options);
  return Rtnl().ask(request);
}

/// The process that a filter of ours belongs to; none if it is somebody else's.
std::optional<pid_t> owner_of(const nlmsghdr& filter) {
  std::optional<pid_t> owner;
  const auto read_name = [&](const nlattr& option) {
    if (mnl_attr_get_type(&option) != TCA_BPF_NAME) return;
    std::string_view name = mnl_attr_get_str(&option);
    if (!name.starts_with(kName)) return;
    name.remove_prefix(kName.size());
    pid_t pid = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (read.ec == std::errc() && pid > 0) owner = pid;
  };
  for_each_attribute<tcmsg>(filter, [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == TCA_OPTIONS) for_each_nested(attribute, read_name);
  });
  return owner;
}

/// Asks for all filters there; `visit` gets each RTM_NEWTFILTER.
void list_filters(unsigned ifindex, std::uint32_t parent, const Rtnl::Answer& visit) {
  RtnlRequest request(RTM_GETTFILTER, NLM_F_DUMP);
  put_header(request, ifindex, parent);
  // A device that has gone in the meantime has no filters.
  static_cast<void>(Rtnl().ask(request, visit));
}

bool has_filters(unsigned ifindex) {
  bool any = false;
  for (const std::uint32_t parent : {kIngress, kEgress}) {
    list_filters(ifindex, parent, [&](const nlmsghdr&) { any = true; });
  }
  return any;
}

}  // namespace

Result<HostStackBlock> HostStackBlock::install(unsigned ifindex) {
  auto link = install_link(ifindex);
  return link ? std::move(link) : install_filter(ifindex);
}

Result<HostStackBlock> HostStackBlock::install_link(unsigned ifindex) {
  const auto program = load_program();
  if (!program) return tl::unexpected(program.error());
  bpf_attr attributes{};
  attributes.link_create.prog_fd = static_cast<std::uint32_t>(program->get());
  attributes.link_create.target_ifindex = ifindex;
  attributes.link_create.attach_type = kTcxIngress;
  UniqueFd link(bpf(BPF_LINK_CREATE, attributes));
  if (!link) return system_error_text(errno);
  return HostStackBlock(std::move(link));
}

Result<HostStackBlock> HostStackBlock::install_filter(unsigned ifindex) {
  const auto program = load_program();
  if (!program) return tl::unexpected(program.error());
  // Somebody may use such a queueing discipline already: then it stays theirs.
  const bool made = change_qdisc(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ifindex).has_value();
  HostStackBlock block(ifindex, made);
  const auto done = change_filter(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_REPLACE, ifindex, getpid(),
                                  program->get());
  if (!done) return tl::unexpected(done.error());
  return block;
}

HostStackBlock::HostStackBlock(HostStackBlock&& other) noexcept
    : link_(std::move(other.link_)),
      filtered_ifindex_(std::exchange(other.filtered_ifindex_, 0)),
      owns_qdisc_(other.owns_qdisc_) {}

HostStackBlock::~HostStackBlock() {
  if (filtered_ifindex_ == 0) return;
  // When the device is gone, so are they.
  static_cast<void>(change_filter(RTM_DELTFILTER, 0, filtered_ifindex_, getpid(), -1));
  if (owns_qdisc_ && !has_filters(filtered_ifindex_)) {
    static_cast<void>(change_qdisc(RTM_DELQDISC, 0, filtered_ifindex_));
  }
}

void HostStackBlock::sweep() {
  struct Stale {
    unsigned ifindex;
    pid_t owner;
  };
  std::vector<Stale> stale;
  for (const Link& link : query_links().value_or(std::vector<Link>())) {
    list_filters(link.ifindex, kIngress, [&](const nlmsghdr& filter) {
      const auto owner = owner_of(filter);
      if (owner && kill(*owner, 0) != 0 && errno == ESRCH) stale.push_back({link.ifindex, *owner});
    });
  }
  for (const Stale& each : stale) {
    static_cast<void>(change_filter(RTM_DELTFILTER, 0, each.ifindex, each.owner, -1));
    if (!has_filters(each.ifindex)) {
      static_cast<void>(change_qdisc(RTM_DELQDISC, 0, each.ifindex));
    }
  }
}

}  // namespace bondway::netdev
