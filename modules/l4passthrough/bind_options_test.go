// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
)

func TestOptionsOfBind(t *testing.T) {
	f, err := parseListening(`bind [::]:443 {
	transparent
	interface eth0
	namespace blue
	ipv6_only
	defer_accept
	tfo
	mss 1400
	tcp_user_timeout 30s
}
bind [::]:8443 {
	dual_stack
}
default_backend b`)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"bind":[{"address":"[::]:443","transparent":true,"interface":"eth0","namespace":"blue","ipv6_only":true,"defer_accept":true,"tfo":true,"mss":1400,"tcp_user_timeout":30000000000},` +
		`{"address":"[::]:8443","dual_stack":true}],"default_backend":"b","origin":"Testfile:1 bind=2,12 default_backend=15"}`
	if diff := cmp.Diff(want, string(caddyconfig.JSON(f, nil))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, b := range f.Bind {
		if err := b.provision(); err != nil {
			t.Fatal(err)
		}
	}
	all := durable.Options{Transparent: true, Interface: "eth0", Namespace: "blue", DeferAccept: true, FastOpen: true, MSS: 1400, UserTimeout: 30 * time.Second}
	if got := f.Bind[0].socketOptions(); got != all {
		t.Errorf("%+v, expected %+v", got, all)
	}
	listening := []durable.Listening{{Address: "durable6/[::]:443", Interface: "eth0", Namespace: "blue"}, {Address: "durable/[::]:8443"}}
	if diff := cmp.Diff(listening, f.Addresses()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// The options choose the versions of IP of a wildcard address, and no other.
func TestVersionsOfBind(t *testing.T) {
	for bind, want := range map[string]string{
		`{"address": ":443", "ipv6_only": true}`:                         "durable6/:443",
		`{"address": "[::]:8000-8010", "ipv6_only": true}`:               "durable6/[::]:8000-8010",
		`{"address": "durable+shared/[::]:443", "ipv6_only": true}`:      "durable6+shared/[::]:443",
		`{"address": "tcp/[::]:443", "ipv6_only": true}`:                 "tcp6/[::]:443",
		`{"address": "[::]:443", "dual_stack": true}`:                    "durable/[::]:443",
		`{"address": "durable+shared/[::]:443", "dual_stack": true}`:     "durable+shared/[::]:443",
		`{"address": "[::1]:443", "ipv6_only": true}`:                    `! address "[::1]:443": ipv6_only: expected it with [::]:PORT`,
		`{"address": "0.0.0.0:443", "dual_stack": true}`:                 `! address "0.0.0.0:443": dual_stack: expected it with [::]:PORT`,
		`{"address": "durable4/:443", "dual_stack": true}`:               `! dual_stack: expected it with [::]:PORT`,
		`{"address": "unix//x", "ipv6_only": true}`:                      `! ipv6_only: expected it with [::]:PORT`,
		`{"address": "[::]:443", "ipv6_only": true, "dual_stack": true}`: `! expected ipv6_only or dual_stack, not both`,
	} {
		verifyBind(t, bind, want)
	}
}

func TestMistakesInOptionsOfBind(t *testing.T) {
	for bind, want := range map[string]string{
		`{"address": ":443", "mss": 87}`:                            "! mss 87: expected a whole number from 88 to 32767",
		`{"address": ":443", "mss": 32768}`:                         "! mss 32768: expected a whole number",
		`{"address": ":443", "mss": -5}`:                            "! mss -5: expected a whole number",
		`{"address": ":443", "tcp_user_timeout": -5}`:               "! tcp_user_timeout -5ns: expected a duration greater than zero",
		`{"address": "tcp/:443", "interface": "eth0", "tfo": true}`: `! interface, tfo: expected a durable address with it, not "tcp/:443"`,
		`{"address": "unix//run/x.sock", "mss": 1000}`:              `! mss: expected a TCP address with it, not "unix//run/x.sock"`,
		`{"address": "abns/x", "transparent": true}`:                `! transparent: expected a TCP address with it, not "abns/x"`,
		`{"address": "fd/3", "namespace": "x"}`:                     `! namespace: a descriptor has the options of the program which opened it: expected none with address "fd/3", or those of systemd's socket`,
		`{"address": "durable+shared/127.0.0.1:443", "mss": 32767}`: "durable+shared/127.0.0.1:443",
		`{"address": "{env.BINDOPTIONS_UNSET}:443", "mss": 88}`:     "durable/:443",
		`{"address": "[fe80::1%eth0]:443", "interface": "eth0"}`:    "durable/[fe80::1%eth0]:443",
	} {
		verifyBind(t, bind, want)
	}
	for option, want := range map[string]string{
		"mss 87":              `mss: "87": expected a whole number from 88 to 32767`,
		"mss -1400":           `mss: "-1400": expected a whole number from 88 to 32767`,
		"interface":           `"interface" needs an argument`,
		"transparent yes":     `unexpected "yes"`,
		"tcp_user_timeout -1": `tcp_user_timeout: `,
		"v4v6":                `"v4v6" is not an option here: expected dual_stack, or no option: it is the default`,
		"v6only":              `"v6only" is not an option here: expected ipv6_only, or the network durable6/:443`,
		"tcp_ut 5s":           `"tcp_ut" is not an option here: expected tcp_user_timeout`,
		"nice 5":              `unknown option "nice"`,
	} {
		if _, err := parseListening("bind :443 {\n" + option + "\n}\ndefault_backend b"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", option, err, want)
		}
	}
}

// verifyBind provisions a bind and compares the address that it listens on, or, after "! ", a part
// of its error.
func verifyBind(t *testing.T, bind, want string) {
	t.Helper()
	b := new(Bind)
	if err := json.Unmarshal([]byte(bind), b); err != nil {
		t.Fatal(err)
	}
	err := b.provision()
	message, fails := strings.CutPrefix(want, "! ")
	if fails != (err != nil) || fails && !strings.Contains(err.Error(), message) || !fails && b.listen != want {
		t.Errorf("%s:\n got %s, %v\nwant %s", bind, b.listen, err, want)
	}
}
