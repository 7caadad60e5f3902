#include "vswitchd/netdev/host_stack.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <string>

#include "vswitchd/netdev/rtnl.hpp"

namespace bondway::netdev {
namespace {

constexpr std::uint32_t kTcxIngress = 46;  ///< BPF_TCX_INGRESS, Linux 6.6
constexpr std::uint32_t kOwner = 2;        ///< NFT_TABLE_F_OWNER, Linux 5.12
constexpr const char* kChain = "host-stack";

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

/// Requests to nftables that are done together or not at all.
class Batch {
 public:
  Batch() { put(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES); }

  /// A request about the device family, to which attributes are added next.
  nlmsghdr* add(int type, int flags) {
    return put(NFNL_SUBSYS_NFTABLES << 8 | type, NLM_F_ACK | flags, NFPROTO_NETDEV, 0);
  }

  /// What the kernel says to the last request added.
  Result<void> send(int fd) {
    const unsigned last = sequence_;
    put(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    const char* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(last_));
    const auto size = static_cast<std::size_t>(end - memory_.data());
    if (::send(fd, memory_.data(), size, 0) < 0) return system_error_text(errno);
    return take_answers(fd, last);
  }

 private:
  nlmsghdr* put(int type, int flags, int family, std::uint16_t subsystem) {
    char* at =
        last_ == nullptr ? memory_.data() : static_cast<char*>(mnl_nlmsg_get_payload_tail(last_));
    last_ = mnl_nlmsg_put_header(at);
    last_->nlmsg_type = static_cast<std::uint16_t>(type);
    last_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    last_->nlmsg_seq = ++sequence_;
    auto* header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(last_, sizeof(nfgenmsg)));
    header->nfgen_family = static_cast<std::uint8_t>(family);
    header->res_id = htons(subsystem);
    return last_;
  }

  /// The first refusal, if there is one; the answer to the last request is the last.
  static Result<void> take_answers(int fd, unsigned last) {
    alignas(NLMSG_ALIGNTO) std::array<char, 8192> buffer;
    for (;;) {
      const auto received = recv(fd, buffer.data(), buffer.size(), 0);
      if (received < 0) return system_error_text(errno);
      int left = static_cast<int>(received);
      const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
      for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
        if (message->nlmsg_type != NLMSG_ERROR) continue;
        const int error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
        if (error != 0) return system_error_text(-error);
        if (message->nlmsg_seq == last) return {};
      }
    }
  }

  alignas(NLMSG_ALIGNTO) std::array<char, 1024> memory_{};
  nlmsghdr* last_ = nullptr;
  unsigned sequence_ = 0;
};

/// Of a socket, since that is what a table belongs to.
std::string table_name(int fd) {
  sockaddr_nl address{};
  socklen_t size = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return fmt::format("bondway-{}", address.nl_pid);
}

void put_chain(nlmsghdr* message, const std::string& table, const char* device) {
  mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, table.c_str());
  mnl_attr_put_strz(message, NFTA_CHAIN_NAME, kChain);
  mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, "filter");
  mnl_attr_put_u32(message, NFTA_CHAIN_POLICY, htonl(NF_DROP));
  nlattr* hook = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);
  mnl_attr_put_u32(message, NFTA_HOOK_HOOKNUM, htonl(NF_NETDEV_INGRESS));
  mnl_attr_put_u32(message, NFTA_HOOK_PRIORITY, htonl(0));
  mnl_attr_put_strz(message, NFTA_HOOK_DEV, device);
  mnl_attr_nest_end(message, hook);
}

}  // namespace

Result<HostStackBlock> HostStackBlock::install(unsigned ifindex) {
  auto chain = install_chain(ifindex);
  if (chain) return chain;
  auto link = install_link(ifindex);
  return link ? std::move(link) : std::move(chain);
}

Result<HostStackBlock> HostStackBlock::install_chain(unsigned ifindex) {
  std::array<char, IF_NAMESIZE> device{};
  if (if_indextoname(ifindex, device.data()) == nullptr) return system_error_text(ENODEV);
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!fd) return system_error_text(errno);
  sockaddr_nl address{.nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = 0, .nl_groups = 0};
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return system_error_text(errno);
  }
  const std::string table = table_name(fd.get());
  Batch batch;
  nlmsghdr* message = batch.add(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
  mnl_attr_put_strz(message, NFTA_TABLE_NAME, table.c_str());
  mnl_attr_put_u32(message, NFTA_TABLE_FLAGS, htonl(kOwner));
  put_chain(batch.add(NFT_MSG_NEWCHAIN, NLM_F_CREATE), table, device.data());
  if (const auto done = batch.send(fd.get()); !done) return tl::unexpected(done.error());
  return HostStackBlock(Kind::chain, std::move(fd));
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
  return HostStackBlock(Kind::link, std::move(link));
}

HostStackBlock::~HostStackBlock() { static_cast<void>(std::move(*this).take_descriptor()); }

UniqueFd HostStackBlock::take_descriptor() && {
  if (fd_ && kind_ == Kind::chain) {
    // Closing would do, but the kernel takes its time for that.
    Batch batch;
    mnl_attr_put_strz(batch.add(NFT_MSG_DELTABLE, 0), NFTA_TABLE_NAME,
                      table_name(fd_.get()).c_str());
    static_cast<void>(batch.send(fd_.get()));
  }
  return std::move(fd_);
}

}  // namespace bondway::netdev
