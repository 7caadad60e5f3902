// Any octets as a frame that the kernel gives us: parser, verdict, tag edits and segmentation.

#include "tests/datapath/any_octets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static bondway::AnyOctets target;
  target.run({data, size});
  return 0;
}
