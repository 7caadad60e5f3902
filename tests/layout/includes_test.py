"""The check of includes can fail: each kind of violation is found, and nothing else is."""

import unittest

from includes import violations_in


class IncludesTest(unittest.TestCase):
    def found(self, path, text):
        return list(violations_in(path, text))

    def test_what_goes_down_or_stays_level_is_fine(self):
        self.assertEqual(self.found("vswitchd/lacp/lag.cpp", '#include "vswitchd/lacp/pdu.hpp"\n#include <map>\n'), [])
        self.assertEqual(self.found("vswitchd/bridge/port.cpp", '#include "vswitchd/bond/bond.hpp"\n'), [])
        self.assertEqual(self.found("vswitchd/netdev/tap.cpp", "#include <sys/ioctl.h>\n"), [])

    def test_what_goes_up_is_found(self):
        self.assertEqual(
            self.found("vswitchd/lacp/lag.cpp", '#include "vswitchd/bond/bond.hpp"\n'),
            ['vswitchd/lacp/lag.cpp: "vswitchd/bond/bond.hpp" is not below it in the picture'],
        )
        self.assertEqual(len(self.found("vswitchd/daemon/switch.cpp", '#include "db/store/sqlite.hpp"\n')), 1)
        self.assertEqual(len(self.found("ctl/main.cpp", '#include "vswitchd/daemon/switch.hpp"\n')), 1)

    def test_sockets_clocks_json_sql_and_threads_stay_out_of_decisions(self):
        for header in "sys/socket.h unistd.h ctime chrono nlohmann/json.hpp sqlite3.h thread mutex atomic".split():
            for folder in "lacp bond fdb net".split():
                with self.subTest(header=header, folder=folder):
                    self.assertEqual(len(self.found(f"vswitchd/{folder}/x.hpp", f"  #  include <{header}>\n")), 1)

    def test_durations_have_one_door_and_clocks_none(self):
        self.assertEqual(self.found("vswitchd/net/time.hpp", "#include <chrono>\n"), [])
        self.assertEqual(len(self.found("vswitchd/lacp/x.cpp", "auto t = std::chrono::steady_clock::now();\n")), 1)

    def test_a_new_folder_must_find_its_place(self):
        self.assertEqual(self.found("vswitchd/utils/x.cpp", ""), ["vswitchd/utils/x.cpp: vswitchd/utils is not in the picture"])


if __name__ == "__main__":
    unittest.main()
