"""The check of includes can fail: each kind of violation is found, and nothing else is."""

import unittest

from includes import violations_in


class IncludesTest(unittest.TestCase):
    def found(self, path, text):
        return list(violations_in(path, text))

    def refused(self, path, text):
        with self.subTest(path=path, text=text):
            self.assertEqual(len(self.found(path, text)), 1)

    def test_what_goes_down_or_stays_level_is_fine(self):
        for path, text in (
            ("vswitchd/lacp/lag.cpp", '#include "vswitchd/lacp/pdu.hpp"\n#include <map>\n'),
            ("vswitchd/bridge/port.cpp", '#include "vswitchd/bond/bond.hpp"\n'),
            ("vswitchd/netdev/tap.cpp", "#include <sys/ioctl.h>\n"),
            ("vswitchd/net/time.hpp", "#include <chrono>\n"),
        ):
            self.assertEqual(self.found(path, text), [])

    def test_what_goes_up_is_found(self):
        self.assertEqual(
            self.found("vswitchd/lacp/lag.cpp", '#include "vswitchd/bond/bond.hpp"\n'),
            ['vswitchd/lacp/lag.cpp: "vswitchd/bond/bond.hpp" is not below it in the picture'],
        )
        self.refused("vswitchd/daemon/switch.cpp", '#include "db/store/sqlite.hpp"\n')
        self.refused("ctl/main.cpp", '#include "vswitchd/daemon/switch.hpp"\n')

    def test_sockets_clocks_json_sql_and_threads_stay_out_of_decisions(self):
        headers = "sys/socket.h unistd.h ctime chrono nlohmann/json.hpp sqlite3.h thread mutex atomic"
        for header in headers.split():
            for folder in ("lacp", "bond", "fdb", "net"):
                self.refused(f"vswitchd/{folder}/x.hpp", f"  #  include <{header}>\n")

    def test_a_decision_never_asks_what_time_it_is(self):
        self.refused("vswitchd/lacp/x.cpp", "auto t = std::chrono::steady_clock::now();\n")

    def test_a_new_folder_must_find_its_place(self):
        self.refused("vswitchd/utils/x.cpp", "")


if __name__ == "__main__":
    unittest.main()
