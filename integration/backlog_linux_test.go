// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"maps"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// backlogs returns, by port, the backlog of each listening socket on an IP address, or on one port
// of it.
func backlogs(t *testing.T, at string) map[string]int {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), programs.Need(t, "ss"), "-Hltn", "src", at).Output()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]int)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line) // state, Recv-Q, Send-Q, local address
		if len(fields) < 4 {
			t.Fatalf("unexpected line of ss: %q", line)
		}
		_, port, err := net.SplitHostPort(fields[3])
		if err != nil {
			t.Fatal(err)
		}
		if all[port], err = strconv.Atoi(fields[2]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// The sockets of one haproxy.cfg have the same backlogs in both programs, each on its own loopback
// address.
func TestBacklogsAsHAProxy(t *testing.T) {
	t.Parallel()
	haproxy := programs.Need(t, "haproxy")
	want := make(map[string]int)
	words := []string{}
	for i, n := range []int{12, 13, 13, 11, programs.MaxBacklog(t)} {
		port, err := programs.Port()
		if err != nil {
			t.Fatal(err)
		}
		want[strconv.Itoa(port)] = n
		words = append(words, fmt.Sprintf("PORT%d", i+1), strconv.Itoa(port))
	}
	config := func(ip string) string {
		return strings.NewReplacer(append(words, "IP", ip)...).Replace(`defaults
	mode tcp
	backlog 11
	timeout connect 5s
	timeout client 10s
	timeout server 10s
listen own
	bind IP:PORT1 backlog 12
	bind IP:PORT2,IP:PORT3
	backlog 13
	server s 127.0.0.1:1
listen inherited
	bind IP:PORT4 backlog 0
	bind IP:PORT5 backlog 2147483647
	server s 127.0.0.1:1
`)
	}
	dir := runHAProxyConfig(t, map[string]string{"haproxy.cfg": config("127.0.95.2"), "theirs.cfg": config("127.0.95.1")})
	startHAProxy(t, haproxy, filepath.Join(dir, "theirs.cfg"))
	for _, ip := range []string{"127.0.95.1", "127.0.95.2"} {
		got := backlogs(t, ip)
		for deadline := time.Now().Add(patience); !maps.Equal(got, want) && time.Now().Before(deadline); got = backlogs(t, ip) {
			time.Sleep(50 * time.Millisecond) // until it listens
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", ip, got, want)
		}
	}
}

// A reload changes the backlog of a frontend's socket, and restores the system's limit.
func TestBacklogAfterReload(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	config := func(options string) string {
		return fmt.Sprintf("passthrough {\n frontend tls {\n bind %s%s\n server s1 127.0.0.1:1\n }\n}", address, options)
	}
	p := start(t, config(" {\n backlog 9\n }"), "")
	for _, c := range []struct {
		options string
		want    int
	}{{" {\n backlog 9\n }", 9}, {" {\n backlog 7\n }", 7}, {"", programs.MaxBacklog(t)}} {
		if err := p.reload(t, config(c.options), ""); err != nil {
			t.Fatal(err)
		}
		if got := backlogs(t, address); len(got) != 1 || got[portOf(t, address)] != c.want {
			t.Errorf("with %q: %v, want %d", c.options, got, c.want)
		}
	}
}
