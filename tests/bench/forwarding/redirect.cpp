#include "tests/bench/forwarding/redirect.hpp"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace bondway::bench {
namespace {

constexpr std::uint32_t kTcxIngress = 46;  ///< BPF_TCX_INGRESS, Linux 6.6

int bpf(bpf_cmd command, bpf_attr& attributes) {
  return check(syscall(SYS_bpf, command, &attributes, sizeof attributes), "bpf");
}

bpf_insn set(std::uint8_t place, int number) {
  return {.code = BPF_ALU64 | BPF_MOV | BPF_K,
          .dst_reg = static_cast<std::uint8_t>(place & 0xf),
          .src_reg = 0,
          .off = 0,
          .imm = number};
}

}  // namespace

netdev::UniqueFd redirect(const Place& from, const std::string& to) {
  netdev::UniqueFd link;
  inside(from.space, [&] {
    const std::array<bpf_insn, 4> program{
        set(BPF_REG_1, static_cast<int>(index_of(to))), set(BPF_REG_2, 0),
        bpf_insn{.code = BPF_JMP | BPF_CALL,
                 .dst_reg = 0,
                 .src_reg = 0,
                 .off = 0,
                 .imm = BPF_FUNC_redirect},
        bpf_insn{.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
    bpf_attr load{};
    load.prog_type = BPF_PROG_TYPE_SCHED_CLS;
    load.insns = reinterpret_cast<std::uint64_t>(program.data());
    load.insn_cnt = program.size();
    load.license = reinterpret_cast<std::uint64_t>("Apache-2.0");
    const netdev::UniqueFd loaded(bpf(BPF_PROG_LOAD, load));
    bpf_attr attach{};
    attach.link_create.prog_fd = static_cast<std::uint32_t>(loaded.get());
    attach.link_create.target_ifindex = index_of(from.device);
    attach.link_create.attach_type = kTcxIngress;
    link = netdev::UniqueFd(bpf(BPF_LINK_CREATE, attach));
  });
  return link;
}

}  // namespace bondway::bench
