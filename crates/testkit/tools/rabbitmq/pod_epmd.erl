%% Finds nodes without a daemon: the address of a host is in a file of the directory HOSTS, as all names of pods are, and each
%% pod has a port of its own, for RabbitMQ wants one that is free on every address.
-module(pod_epmd).
-export([start_link/0, register_node/2, register_node/3, listen_port_please/2]).
-export([port_please/2, port_please/3, address_please/3, names/0, names/1]).

start_link() -> ignore.

register_node(_Name, _Port) -> {ok, 1}.
register_node(_Name, _Port, _Family) -> {ok, 1}.

listen_port_please(_Name, _Host) -> {ok, 0}.

port_please(Name, Host) -> port_please(Name, Host, infinity).
port_please(_Name, Host, _Timeout) -> {port, port(Host), 6}.

address_please(_Name, Host, _Family) ->
  case file:read_file(filename:join(os:getenv("HOSTS"), text(Host))) of
    {ok, Text} ->
      {ok, Address} = inet:parse_address(binary_to_list(Text)),
      {ok, Address, port(Host), 6};
    {error, _} -> {error, nxdomain}
  end.

names() -> {ok, []}.
names(_Host) -> {ok, []}.

port(Host) ->
  [Pod | _] = string:split(text(Host), "."),
  25672 + list_to_integer(lists:last(string:split(Pod, "-", all))).

text(Host) when is_atom(Host) -> atom_to_list(Host);
text(Host) -> Host.
