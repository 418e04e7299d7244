// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"strings"
	"testing"
)

func listenOn(family Family, host string, low, high int) Address {
	return Address{Family: family, Host: host, Port: low, PortHigh: high, HasPort: true}
}

func path(family Family, path string) Address { return Address{Family: family, Path: path} }

// addressCases holds addresses with their results, to listen on and to connect to: an Address, or
// the beginning of an error. TestHAProxyAddresses checks each with HAProxy.
var addressCases = []struct {
	text          string
	bind, connect any
	differs       string // why HAProxy accepts an address that is rejected here
	newer         bool   // not in HAProxy 2.6
}{
	{text: ":443", bind: listenOn(IPv4, "", 443, 443), connect: listenOn(IPv4, "", 443, 443)},
	{text: "*:443", bind: listenOn(IPv4, "", 443, 443), connect: listenOn(IPv4, "", 443, 443)},
	{text: "0.0.0.0:443", bind: listenOn(IPv4, "0.0.0.0", 443, 443), connect: listenOn(IPv4, "0.0.0.0", 443, 443)},
	{text: "127.0.0.1:443", bind: listenOn(IPv4, "127.0.0.1", 443, 443), connect: listenOn(IPv4, "127.0.0.1", 443, 443)},
	{text: "127.0.0.1:0443", bind: listenOn(IPv4, "127.0.0.1", 443, 443), connect: listenOn(IPv4, "127.0.0.1", 443, 443)},
	{text: "127.0.0.1:1", bind: listenOn(IPv4, "127.0.0.1", 1, 1), connect: listenOn(IPv4, "127.0.0.1", 1, 1)},
	{text: "127.0.0.1:65535", bind: listenOn(IPv4, "127.0.0.1", 65535, 65535), connect: listenOn(IPv4, "127.0.0.1", 65535, 65535)},
	{text: "[127.0.0.1]:443", bind: listenOn(IPv4, "127.0.0.1", 443, 443), connect: listenOn(IPv4, "127.0.0.1", 443, 443)},
	{text: "[::]:443", bind: listenOn(IPv6, "::", 443, 443), connect: listenOn(IPv6, "::", 443, 443)},
	{text: ":::443", bind: listenOn(IPv6, "::", 443, 443), connect: listenOn(IPv6, "::", 443, 443)},
	{text: "::1:443", bind: listenOn(IPv6, "::1", 443, 443), connect: listenOn(IPv6, "::1", 443, 443)},
	{text: "[::1]:443", bind: listenOn(IPv6, "::1", 443, 443), connect: listenOn(IPv6, "::1", 443, 443)},
	{text: "[0:0:0::1]:443", bind: listenOn(IPv6, "::1", 443, 443), connect: listenOn(IPv6, "::1", 443, 443)},
	{text: "::ffff:127.0.0.1:443", bind: listenOn(IPv6, "::ffff:127.0.0.1", 443, 443), connect: listenOn(IPv6, "::ffff:127.0.0.1", 443, 443)},
	{text: "localhost:443", bind: listenOn(Any, "localhost", 443, 443), connect: listenOn(Any, "localhost", 443, 443)},
	{text: "localhost.:443", bind: listenOn(Any, "localhost.", 443, 443), connect: listenOn(Any, "localhost.", 443, 443), differs: "the resolver may know it without the dot only"},

	{text: ":8001-8005", bind: listenOn(IPv4, "", 8001, 8005), connect: "port range not permitted here in ':8001-8005'"},
	{text: "[::1]:8001-8001", bind: listenOn(IPv6, "::1", 8001, 8001), connect: "port range not permitted here"},
	{text: ":5-1", bind: "invalid port range '5-1' in ':5-1': expected the lower port first", connect: "port range not permitted here"},
	{text: ":8001-", bind: "invalid port '' in ':8001-': expected 1 to 65535", connect: "port range not permitted here"},
	{text: ":8001-65536", bind: "invalid port '65536'", connect: "port range not permitted here"},
	{text: ":0-5", bind: "invalid port '0'", connect: "port range not permitted here"},
	{text: ":8001-8002-8003", bind: "invalid character '-' in port number '8002-8003'", connect: "port range not permitted here", newer: true},
	{text: ":+1", bind: "port offset not permitted here in ':+1'", connect: Address{Family: IPv4, Offset: 1}},
	{text: "127.0.0.1:-7", bind: "port offset not permitted here", connect: Address{Family: IPv4, Host: "127.0.0.1", Offset: -7}},
	{text: "localhost:+65535", bind: "port offset not permitted here", connect: Address{Host: "localhost", Offset: 65535}},
	{text: "127.0.0.1:+0", bind: "port offset not permitted here", connect: Address{Family: IPv4, Host: "127.0.0.1"}},
	{text: "127.0.0.1:+65536", bind: "port offset not permitted here", connect: "invalid port offset '+65536'", differs: "HAProxy has no limit"},
	{text: "127.0.0.1:+", bind: "port offset not permitted here", connect: "invalid port offset '+' in '127.0.0.1:+': expected '+' or '-' and a number up to 65535", differs: "HAProxy takes it for 0"},
	{text: "127.0.0.1:+x", bind: "port offset not permitted here", connect: "invalid port offset '+x'", newer: true},

	{text: "127.0.0.1", bind: "missing port specification in '127.0.0.1': expected ADDRESS:PORT", connect: Address{Family: IPv4, Host: "127.0.0.1"}},
	{text: "127.0.0.1:", bind: "missing port specification in '127.0.0.1:'", connect: Address{Family: IPv4, Host: "127.0.0.1"}},
	{text: "[::1]", bind: "missing port specification", connect: Address{Family: IPv6, Host: "::1"}},
	{text: "localhost", bind: "missing port specification", connect: Address{Host: "localhost"}},
	{text: "*", bind: "missing port specification", connect: Address{Family: IPv4}},
	{text: ":", bind: "missing port specification in ':'", connect: Address{Family: IPv4}},
	{text: "443", bind: "missing port specification in '443': expected ADDRESS:PORT, such as :443", connect: "invalid address: '443' in '443': expected an IP address or a host name", differs: "0.0.1.187"},
	{text: "127.0.0.1:0", bind: "invalid port '0' in '127.0.0.1:0': expected 1 to 65535", connect: Address{Family: IPv4, Host: "127.0.0.1"}},
	{text: "127.0.0.1:65536", bind: "invalid port '65536'", connect: "invalid port '65536' in '127.0.0.1:65536': expected 0 to 65535"},
	{text: "127.0.0.1:99999999999999999999", bind: "invalid port '99999999999999999999'", connect: "invalid port '99999999999999999999'"},
	{text: "127.0.0.1:4294967739", bind: "invalid port '4294967739'", connect: "invalid port '4294967739'", newer: true},
	{text: "127.0.0.1:x", bind: "invalid character 'x' in port number 'x' in '127.0.0.1:x': expected digits", connect: "invalid character 'x' in port number 'x'"},
	{text: "127.0.0.1:1x", bind: "invalid character 'x' in port number '1x'", connect: "invalid character 'x' in port number '1x'", newer: true},
	{text: "127.0.0.1:443:", bind: "missing port specification", connect: "invalid address: '127.0.0.1:443' in '127.0.0.1:443:'"},
	{text: "::1", bind: "invalid address: ':' in '::1': expected an IP address or a host name; an IPv6 address without a port is [::1]", connect: "invalid address: ':' in '::1'"},
	{text: "fe80::abcd", bind: "invalid character 'a' in port number 'abcd' in 'fe80::abcd': expected digits; an IPv6 address without a port is [fe80::abcd]", connect: "invalid character 'a'"},
	{text: "[::1]443", bind: "missing port specification in '[::1]443'", connect: "invalid address: '[::1]443' in '[::1]443': expected ']' at its end"},
	{text: "[::1:443", bind: "invalid address: '[::1' in '[::1:443'", connect: "invalid address: '[::1' in '[::1:443': expected ']' at its end"},
	{text: "[]:443", bind: "invalid address: '[]' in '[]:443': expected an IP address in brackets", connect: "invalid address: '[]'"},
	{text: "[*]:443", bind: "invalid address: '[*]'", connect: "invalid address: '[*]'"},
	{text: "[localhost]:443", bind: "invalid address: '[localhost]'", connect: "invalid address: '[localhost]'", differs: "the resolver takes it"},
	{text: "fe80::1%lo:443", bind: "invalid address: 'fe80::1%lo'", connect: "invalid address: 'fe80::1%lo'"},
	{text: "[fe80::1%lo]:443", bind: "invalid address: '[fe80::1%lo]'", connect: "invalid address: '[fe80::1%lo]'", differs: "the resolver takes it"},
	{text: "**:443", bind: "invalid address: '**'", connect: "invalid address: '**'"},
	{text: "a..b:443", bind: "invalid address: 'a..b'", connect: "invalid address: 'a..b'"},
	{text: ".:443", bind: "invalid address: '.'", connect: "invalid address: '.'"},
	{text: "a/b:443", bind: "invalid address: 'a/b'", connect: "invalid address: 'a/b'"},
	{text: "b\u00fccher:443", bind: "invalid address: 'b\u00fccher'", connect: "invalid address: 'b\u00fccher'"},
	{text: strings.Repeat("a", 64) + ":443", bind: "invalid address: 'aaaa", connect: "invalid address: 'aaaa"},
	{text: "a_b-9.c:443", bind: listenOn(Any, "a_b-9.c", 443, 443), connect: listenOn(Any, "a_b-9.c", 443, 443), differs: "the resolver does not know it"},
	{text: strings.Repeat("a.", 126) + "a:443", bind: listenOn(Any, strings.Repeat("a.", 126)+"a", 443, 443), connect: listenOn(Any, strings.Repeat("a.", 126)+"a", 443, 443), differs: "the resolver does not know it"},
	{text: strings.Repeat("a.", 126) + "aa:443", bind: "invalid address: 'a.a.", connect: "invalid address: 'a.a."},
	{text: "1.99999999999999999999:443", bind: "invalid address: '1.99999999999999999999'", connect: "invalid address: '1.99999999999999999999'"},
	{text: strings.Repeat("a.", 127) + "a:443", bind: "invalid address: 'a.a.", connect: "invalid address: 'a.a."},
	{text: "1.2.3.4.5:443", bind: "invalid address: '1.2.3.4.5'", connect: "invalid address: '1.2.3.4.5'"},
	{text: "256.1.1.1:443", bind: "invalid address: '256.1.1.1'", connect: "invalid address: '256.1.1.1'"},
	{text: "127.0.1:443", bind: "invalid address: '127.0.1'", connect: "invalid address: '127.0.1'", differs: "127.0.0.1 to the resolver"},
	{text: "0x7f.1:443", bind: "invalid address: '0x7f.1'", connect: "invalid address: '0x7f.1'", differs: "127.0.0.1 to the resolver"},
	{text: "127.0.0.0x1:443", bind: "invalid address: '127.0.0.0x1'", connect: "invalid address: '127.0.0.0x1'", differs: "127.0.0.1 to the resolver"},
	{text: "0:443", bind: "invalid address: '0'", connect: "invalid address: '0'", differs: "0.0.0.0 to the resolver"},

	{text: "ipv4@:443", bind: listenOn(IPv4, "", 443, 443), connect: listenOn(IPv4, "", 443, 443)},
	{text: "ipv4@127.0.0.1:443", bind: listenOn(IPv4, "127.0.0.1", 443, 443), connect: listenOn(IPv4, "127.0.0.1", 443, 443)},
	{text: "ipv4@localhost:443", bind: listenOn(IPv4, "localhost", 443, 443), connect: listenOn(IPv4, "localhost", 443, 443)},
	{text: "ipv4@::1:443", bind: "invalid address: '::1' in 'ipv4@::1:443': expected an address of the prefix's family", connect: "invalid address: '::1'"},
	{text: "ipv6@:443", bind: listenOn(IPv6, "", 443, 443), connect: listenOn(IPv6, "", 443, 443)},
	{text: "ipv6@*:443", bind: listenOn(IPv6, "", 443, 443), connect: listenOn(IPv6, "", 443, 443)},
	{text: "ipv6@::1:443", bind: listenOn(IPv6, "::1", 443, 443), connect: listenOn(IPv6, "::1", 443, 443)},
	{text: "ipv6@[::1]:443", bind: listenOn(IPv6, "::1", 443, 443), connect: listenOn(IPv6, "::1", 443, 443)},
	{text: "ipv6@127.0.0.1:443", bind: "invalid address: '127.0.0.1'", connect: "invalid address: '127.0.0.1'"},
	{text: "ipv6@:", bind: "missing port specification", connect: Address{Family: IPv6}},
	{text: "ipv6@", bind: "missing port specification", connect: Address{Family: IPv6}},
	{text: "ip@:443", bind: listenOn(IPv4, "", 443, 443), connect: listenOn(IPv4, "", 443, 443)},
	{text: "tcp@localhost:443", bind: listenOn(Any, "localhost", 443, 443), connect: listenOn(Any, "localhost", 443, 443)},
	{text: "tcp4@:443", bind: listenOn(IPv4, "", 443, 443), connect: listenOn(IPv4, "", 443, 443)},
	{text: "tcp6@:443", bind: listenOn(IPv6, "", 443, 443), connect: listenOn(IPv6, "", 443, 443)},
	{text: "stream+ipv4@:443", bind: listenOn(IPv4, "", 443, 443), connect: listenOn(IPv4, "", 443, 443)},
	{text: "stream+:443", bind: listenOn(IPv4, "", 443, 443), connect: listenOn(IPv4, "", 443, 443)},
	{text: "stream+dgram+ipv4@:443", bind: "invalid address: 'dgram+ipv4@'", connect: "invalid address: 'dgram+ipv4@'"},
	{text: "IPV4@:443", bind: "invalid address: 'IPV4@'", connect: "invalid address: 'IPV4@'"},
	{text: "ipv4@ipv4@:443", bind: "invalid address: 'ipv4@'", connect: "invalid address: 'ipv4@'"},
	{text: "mptcp@:443", bind: Address{Family: IPv4, Port: 443, PortHigh: 443, HasPort: true, MPTCP: true}, connect: Address{Family: IPv4, Port: 443, PortHigh: 443, HasPort: true, MPTCP: true}, newer: true},
	{text: "mptcp6@[::1]:443", bind: Address{Family: IPv6, Host: "::1", Port: 443, PortHigh: 443, HasPort: true, MPTCP: true}, connect: Address{Family: IPv6, Host: "::1", Port: 443, PortHigh: 443, HasPort: true, MPTCP: true}, newer: true},
	{text: "mptcp4@localhost:443", bind: Address{Family: IPv4, Host: "localhost", Port: 443, PortHigh: 443, HasPort: true, MPTCP: true}, connect: Address{Family: IPv4, Host: "localhost", Port: 443, PortHigh: 443, HasPort: true, MPTCP: true}, newer: true},
	{text: "udp@:443", bind: "dgram-type address not acceptable in 'udp@:443': expected one for TCP", connect: "dgram-type address not acceptable"},
	{text: "udp4@:443", bind: "dgram-type address not acceptable", connect: "dgram-type address not acceptable"},
	{text: "udp6@:443", bind: "dgram-type address not acceptable", connect: "dgram-type address not acceptable"},
	{text: "dgram+ipv4@:443", bind: "dgram-type address not acceptable", connect: "dgram-type address not acceptable"},
	{text: "quic4@:443", bind: "QUIC address not acceptable in 'quic4@:443': expected one for TCP", connect: "QUIC address not acceptable"},
	{text: "quic6@:443", bind: "QUIC address not acceptable", connect: "QUIC address not acceptable"},
	{text: "quic+ipv4@:443", bind: "QUIC address not acceptable", connect: "QUIC address not acceptable"},

	{text: "/tmp/x", bind: path(Unix, "/tmp/x"), connect: path(Unix, "/tmp/x")},
	{text: "unix@/tmp/x", bind: path(Unix, "/tmp/x"), connect: path(Unix, "/tmp/x")},
	{text: "unix@x:1", bind: path(Unix, "x:1"), connect: path(Unix, "x:1")},
	{text: "stream+/tmp/x", bind: path(Unix, "/tmp/x"), connect: path(Unix, "/tmp/x")},
	{text: "uxst@/tmp/x", bind: path(Unix, "/tmp/x"), connect: path(Unix, "/tmp/x"), newer: true},
	{text: "uxdg@/tmp/x", bind: "dgram-type address not acceptable", connect: "dgram-type address not acceptable"},
	{text: "unix@", bind: "no socket path in 'unix@'", connect: "no socket path in 'unix@'", differs: "HAProxy finds out when it binds"},
	{text: "abns@x", bind: path(Abstract, "x"), connect: path(Abstract, "x")},
	{text: "abnsz@x", bind: path(AbstractZ, "x"), connect: path(AbstractZ, "x"), newer: true},
	{text: "/" + strings.Repeat("x", 96), bind: path(Unix, "/"+strings.Repeat("x", 96)), connect: path(Unix, "/"+strings.Repeat("x", 96))},
	{text: "/" + strings.Repeat("x", 97), bind: "socket path '/xxx", connect: "socket path '/xxx"},
	{text: "abns@" + strings.Repeat("x", 107), bind: path(Abstract, strings.Repeat("x", 107)), connect: path(Abstract, strings.Repeat("x", 107))},
	{text: "abns@" + strings.Repeat("x", 108), bind: "socket path 'xxx", connect: "socket path 'xxx"},

	{text: "fd@9", bind: Address{Family: FD, FD: 9}, connect: "a file descriptor is not acceptable here in 'fd@9'", differs: "there is no such descriptor"},
	{text: "fd@", bind: "file descriptor '' is not a valid integer in 'fd@'", connect: "a file descriptor is not acceptable here"},
	{text: "fd@x", bind: "file descriptor 'x' is not a valid integer in 'fd@x'", connect: "a file descriptor is not acceptable here"},
	{text: "fd@-1", bind: "file descriptor '-1' is not a valid integer", connect: "a file descriptor is not acceptable here"},
	{text: "fd@2147483648", bind: "file descriptor '2147483648' is not a valid integer", connect: "a file descriptor is not acceptable here"},
	{text: "sockpair@3", bind: Address{Family: SocketPair, FD: 3}, connect: Address{Family: SocketPair, FD: 3}, differs: "there is no such descriptor"},
	{text: "sockpair@x", bind: "file descriptor 'x' is not a valid integer", connect: "file descriptor 'x' is not a valid integer"},

	{text: "$HOST:443", bind: "variable outside of quotes in '$HOST:443': expected it in double quotes", connect: "variable outside of quotes", differs: "HAProxy replaces it"},
}

func TestParseAddress(t *testing.T) {
	for _, test := range addressCases {
		for _, bind := range []bool{true, false} {
			want := test.connect
			if bind {
				want = test.bind
			}
			got, err := ParseAddress(test.text, AddressOptions{Bind: bind})
			checkAddress(t, test.text, got, want, err)
			if err == nil {
				again, err := ParseAddress(got.String(), AddressOptions{Bind: bind})
				checkAddress(t, got.String(), again, got, err)
			}
		}
	}
}

func checkAddress(t *testing.T, text string, got Address, want any, err error) {
	t.Helper()
	switch want := want.(type) {
	case Address:
		if got != want || err != nil {
			t.Errorf("%q is %+v, %v; expected %+v", text, got, err, want)
		}
	case string:
		if got != (Address{}) || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q is %+v, %v; expected the error %s", text, got, err, want)
		}
	}
}

func TestAddressString(t *testing.T) {
	for text, want := range map[string]string{
		"*:443":              ":443",
		":::443":             "[::]:443",
		"ipv6@*:443":         "ipv6@:443",
		"ipv4@127.0.0.1:443": "127.0.0.1:443",
		"ipv4@x:443":         "ipv4@x:443",
		"tcp@x:443":          "x:443",
		"mptcp@x:443":        "mptcp@x:443",
		"mptcp@[::1]:443":    "mptcp6@[::1]:443",
		":1-2":               ":1-2",
		"unix@/x":            "/x",
		"unix@x":             "unix@x",
		"abns@x":             "abns@x",
		"abnsz@x":            "abnsz@x",
		"fd@7":               "fd@7",
		"sockpair@8":         "sockpair@8",
	} {
		if a, err := ParseAddress(text, AddressOptions{Bind: true}); err != nil || a.String() != want {
			t.Errorf("%s: %s, %v; expected %s", text, a, err, want)
		}
	}
	for text, want := range map[string]string{"x:-5": "x:-5", ":+5": ":+5", "*": ":", "[::1]": "[::1]", "x:": "x", "ipv6@": "ipv6@:"} {
		if a, err := ParseAddress(text, AddressOptions{}); err != nil || a.String() != want {
			t.Errorf("%s: %s, %v; expected %s", text, a, err, want)
		}
	}
}

func TestDatagramAddress(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:514":     "udp4@127.0.0.1:514",
		"udp@[::1]:514":     "udp6@[::1]:514",
		"x":                 "udp@x",
		"/dev/log":          "uxdg@/dev/log",
		"uxdg@/dev/log":     "uxdg@/dev/log",
		"dgram+abns@x":      "dgram+abns@x",
		"abnsz@x":           "dgram+abnsz@x",
		"fd@1":              "dgram+fd@1",
		"sockpair@1":        "dgram+sockpair@1",
		"tcp@127.0.0.1:514": "127.0.0.1:514",
		"stream+/dev/log":   "/dev/log",
		"uxst@x":            "unix@x",
	} {
		a, err := ParseAddress(text, AddressOptions{Datagram: true})
		if err != nil || a.String() != want {
			t.Errorf("%s: %s, %v; expected %s", text, a, err, want)
		}
		again, err := ParseAddress(want, AddressOptions{Datagram: a.Datagram})
		checkAddress(t, want, again, a, err)
	}
}

func TestAddressVariables(t *testing.T) {
	env := map[string]string{"HOST": "127.0.0.1", "PORT": "80", "DOLLAR": "$HOST", "P_9": "81"}
	o := AddressOptions{Getenv: func(name string) (string, bool) { value, ok := env[name]; return value, ok }}
	for text, want := range map[string]string{
		"$HOST:$PORT":        "127.0.0.1:80",
		"${HOST}:8${NONE}$X": "127.0.0.1:8",
		"$HOST:$P_9":         "127.0.0.1:81",
		"unix@/x$DOLLAR/$P":  "/x$HOST/",
	} {
		if a, err := ParseAddress(text, o); err != nil || a.String() != want {
			t.Errorf("%s: %s, %v; expected %s", text, a, err, want)
		}
	}
	for text, want := range map[string]string{
		"$NONE":       "'$NONE' resolves to an empty address (environment variable missing?)",
		"":            "'' resolves to an empty address",
		"$:80":        "invalid environment variable in '$:80': expected $NAME or ${NAME}",
		"${HOST:80":   "invalid environment variable in '${HOST:80'",
		"${HOST-x}:1": "invalid environment variable",
		"$.LINE:80":   "invalid environment variable",
		"$1:80":       "invalid environment variable",
	} {
		a, err := ParseAddress(text, o)
		checkAddress(t, text, a, want, err)
	}
}

func TestParseAddresses(t *testing.T) {
	for list, want := range map[string]string{
		":80":                   ":80",
		":80,[::]:80,/x":        ":80 [::]:80 /x",
		":80,":                  ":80",
		":80,:x":                "! invalid character 'x' in port number 'x' in ':x': expected digits",
		",:80":                  "! '' resolves to an empty address (environment variable missing?)",
		":80,,":                 "! '' resolves to an empty address (environment variable missing?)",
		"":                      "! no address: expected [ADDRESS]:PORT[-PORT], or the path of a socket",
		"ipv4@:80,ipv6@:80-81,": ":80 ipv6@:80-81",
	} {
		addresses, err := ParseAddresses(list, AddressOptions{Bind: true})
		var words []string
		for _, a := range addresses {
			words = append(words, a.String())
		}
		got := strings.Join(words, " ")
		if err != nil {
			got += "! " + err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, expected %s", list, got, want)
		}
	}
}
