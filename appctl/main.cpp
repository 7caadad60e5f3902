#include "appctl/tool.hpp"

int main(int argc, char** argv) { return bondway::appctl::run(argc, argv); }
