// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/sys/unix"
)

// Two users of one address in one configuration are refused, unless both share it; an old and a new
// configuration may always have the same address.
func TestAddressTwiceInOneConfigurationIsRefused(t *testing.T) {
	port := unused(t)
	defer func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	}()
	for _, c := range []struct {
		listen []string
		taken  bool
	}{
		{[]string{"durable/:%d"}, true},
		{[]string{"durable/:%d", "durable4/:%d"}, false},
		{[]string{"durable/:%d", "durable6/[::]:%d"}, false},
		{[]string{"durable4/:%d", "durable6/[::]:%d"}, true},
		{[]string{"durable+shared/:%d", "durable/:%d"}, false},
		{[]string{"durable+shared/:%d", "durable4/:%d"}, false},
		{[]string{"durable+shared/:%d", "durable4+shared/:%d"}, true},
		{[]string{"durable/127.0.0.1:%d", "durable4/127.0.0.1:%d"}, false},
		{[]string{"durable/127.0.0.1:%d", "durable4+shared/127.0.0.1:%d"}, false},
		{[]string{"durable/:%d"}, true},
	} {
		for range 5 { // the apps start in any order
			listen := make(map[string]byte)
			for i, address := range c.listen {
				listen[fmt.Sprintf(address, port)] = byte(i)
			}
			err := loadAnswers(t, listen, false)
			if c.taken && err != nil || !c.taken && (err == nil || !strings.Contains(err.Error(), errNotShared.Error())) {
				t.Errorf("%q: %v, want it to be taken: %t", c.listen, err, c.taken)
			}
		}
	}
}

// A durable listener takes over from a plain listener of the previous configuration, and does not
// share with one of its own configuration.
func TestPlainAndDurableInOneConfigurationIsRefused(t *testing.T) {
	port := unused(t)
	server := func(address string) string {
		return fmt.Sprintf(`{"listen": ["%s:%d"], "protocols": ["h1"], "automatic_https": {"disable": true}}`, address, port)
	}
	load := func(servers string) error {
		return caddy.Load([]byte(`{
			"admin": {"disabled": true, "config": {"persist": false}},
			"logging": {"logs": {"default": {"level": "ERROR"}}},
			"apps": {"http": {"servers": {`+servers+`}}}
		}`), true)
	}
	defer func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	}()
	free := func() { // listeners of a configuration that was refused or stopped close by themselves
		for end := time.Now().Add(patience); users(port) > 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		}
	}
	for range 5 { // the servers start in any order
		if err := load(`"a": ` + server("") + `, "b": ` + server("durable/")); err == nil {
			t.Fatal("a plain and a durable server have the same address")
		}
		free()
		if err := load(`"a": ` + server("")); err != nil {
			t.Fatal(err)
		}
		if err := load(`"a": ` + server("") + `, "b": ` + server("durable/")); err == nil || !strings.Contains(err.Error(), "a durable address is not shared with others") {
			t.Fatalf("beside a plain server that runs: %v", err)
		}
		if err := load(`"b": ` + server("durable/")); err != nil {
			t.Fatal(err)
		}
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
		free()
	}
}

// If the port that the kernel picked for IPv4 is in use for IPv6, another one is picked.
func TestPortForBothFamilies(t *testing.T) {
	needIPv6(t)
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("it takes the privilege to make network namespaces: ", err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("20000 20015"), 0); err != nil {
		t.Skip(err)
	}
	taken, err := net.Listen("tcp6", "[::]:20001")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for range 30 {
		ln, err := openFamily(t, "durable", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
	}
}
