#!/usr/bin/python3
"""What a program does with ovsdbapp, one line of output a command.  Usage: ovsdbapp_session.py REMOTE

Needs somebody that plays the switch: changes of cur_cfg are waited for.
"""

import sys

from ovsdbapp.backend.ovs_idl import connection, rowview
from ovsdbapp.schema.open_vswitch import impl_idl


def text(result):
    if isinstance(result, list):
        return sorted(map(str, result))
    return result.name if isinstance(result, rowview.RowView) else result


def show(what, command):
    try:
        print(what, text(command.execute(check_error=True, log_errors=False)))
    except Exception as error:  # whatever it is: the other server must cause the same
        print(what, type(error).__name__, error)


def main():
    idl = connection.OvsdbIdl.from_server(sys.argv[1], "Open_vSwitch")
    api = impl_idl.OvsdbIdl(connection.Connection(idl, timeout=20))
    show("add-br", api.add_br("br0"))
    show("add-br again", api.add_br("br0", may_exist=True))
    show("add-br type", api.add_br("br1", datapath_type="netdev"))
    show("exists", api.br_exists("br0"))
    show("exists not", api.br_exists("nope"))
    show("list-br", api.list_br())
    with api.transaction(check_error=True) as txn:
        for name in ("p1", "p2", "p3"):
            txn.add(api.add_port("br0", name))
        txn.add(api.db_set("Interface", "p1", ("external_ids", {"iface-id": "vm"}), ("type", "internal")))
        txn.add(api.db_set("Port", "p2", ("tag", 7)))
    show("list-ports", api.list_ports("br0"))
    show("list-ifaces", api.list_ifaces("br0"))
    show("iface-to-br", api.iface_to_br("p3"))
    show("port-to-br", api.port_to_br("p3"))
    show("get", api.db_get("Interface", "p1", "external_ids"))
    show("find", api.db_find("Port", ("tag", "=", 7), columns=["name", "tag"]))
    show("list", api.db_list("Port", ["p1", "p2"], columns=["name", "tag"]))
    show("add", api.db_add("Bridge", "br0", "external_ids", {"a": "b"}))
    show("get br", api.br_get_external_id("br0", "a"))
    show("set ext", api.br_set_external_id("br0", "c", "d"))
    show("get map", api.db_get("Bridge", "br0", "external_ids"))
    show("remove", api.db_remove("Bridge", "br0", "external_ids", "a"))
    show("get map", api.db_get("Bridge", "br0", "external_ids"))
    show("clear", api.db_clear("Port", "p2", "tag"))
    show("get tag", api.db_get("Port", "p2", "tag"))
    show("bad", api.db_set("Port", "p2", ("tag", 70000)))
    show("controller", api.set_controller("br0", ["tcp:127.0.0.1:6653"]))
    show("get controller", api.get_controller("br0"))
    show("fail mode", api.set_fail_mode("br0", "secure"))
    show("manager", api.add_manager("ptcp:0:127.0.0.1"))
    show("get manager", api.get_manager())
    show("del manager", api.remove_manager("ptcp:0:127.0.0.1"))
    show("create", api.db_create("Queue", dscp=5))
    show("find queue", api.db_find("Queue", columns=["dscp"]))
    show("del-port", api.del_port("p3", "br0"))
    show("del-port missing", api.del_port("p9", "br0", if_exists=False))
    show("del-br", api.del_br("br1"))
    show("list-br", api.list_br())
    api.ovsdb_connection.stop()


if __name__ == "__main__":
    main()
