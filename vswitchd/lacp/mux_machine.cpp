#include "vswitchd/lacp/mux_machine.hpp"

namespace bondway::lacp {

NeedToTransmit MuxMachine::update(const MuxInputs& inputs, Duration aggregate_wait, TimePoint now) {
  NeedToTransmit result = NeedToTransmit::no;
  for (MuxState following = next(inputs); following != state_; following = next(inputs)) {
    // DISTRIBUTING alone of all states does not announce itself (Figure 6-21); nor does WAITING.
    // Returning from DISTRIBUTING enters COLLECTING, which does.
    if (following != MuxState::waiting && following != MuxState::distributing) {
      result = NeedToTransmit::yes;
    }
    state_ = following;
    wait_while_.reset();
    if (state_ == MuxState::waiting) wait_while_ = now + aggregate_wait;
    if (state_ == MuxState::waiting) break;  // Ready is the caller's to find out
  }
  return result;
}

NeedToTransmit MuxMachine::set_control(MuxControl control) {
  if (control == control_) return NeedToTransmit::no;
  control_ = control;
  if (!collecting()) return NeedToTransmit::no;
  state_ = MuxState::attached;
  return NeedToTransmit::yes;
}

bool MuxMachine::waited(TimePoint now) const {
  return state_ == MuxState::waiting && (!wait_while_ || *wait_while_ <= now);
}

void MuxMachine::expire(TimePoint now) {
  if (wait_while_ && *wait_while_ <= now) wait_while_.reset();
}

MuxState MuxMachine::next(const MuxInputs& inputs) const {
  switch (state_) {
    case MuxState::detached:
      return inputs.selected == Selected::unselected ? state_ : MuxState::waiting;
    case MuxState::waiting:
      if (inputs.selected == Selected::unselected) return MuxState::detached;
      return inputs.selected == Selected::selected && inputs.ready ? MuxState::attached : state_;
    case MuxState::attached:
      if (inputs.selected != Selected::selected) return MuxState::detached;
      if (!inputs.partner_in_sync) return state_;
      return control_ == MuxControl::coupled ? MuxState::collecting_distributing
                                             : MuxState::collecting;
    case MuxState::collecting_distributing:
      return next_coupled(inputs);
    case MuxState::collecting:
    case MuxState::distributing:
      return next_independent(inputs);
  }
  return state_;
}

MuxState MuxMachine::next_coupled(const MuxInputs& inputs) const {
  return inputs.selected == Selected::selected && inputs.partner_in_sync ? state_
                                                                         : MuxState::attached;
}

MuxState MuxMachine::next_independent(const MuxInputs& inputs) const {
  const bool in_step = inputs.selected == Selected::selected && inputs.partner_in_sync;
  if (state_ == MuxState::distributing) {
    return in_step && inputs.partner_collecting ? state_ : MuxState::collecting;
  }
  if (!in_step) return MuxState::attached;
  return inputs.partner_collecting ? MuxState::distributing : state_;
}

}  // namespace bondway::lacp
