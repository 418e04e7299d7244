// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// A reload changes the address for new connections. Sessions keep theirs.
func TestSourceReload(t *testing.T) {
	program.Path(t)
	n := newSourceNet(t)
	n.listen(t, serverFour+":7000")
	at := net.JoinHostPort(frontFour, "3000")
	p := n.run(t, []sourced{{name: "web", options: "source 10.77.0.9:23001-23002"}})
	old, _, seen, err := n.ask(at)
	if err != nil || seen.Addr() != netip.MustParseAddr("10.77.0.9") {
		t.Fatalf("seen from %s, %v", seen, err)
	}
	defer old.Close()
	first := seen.Port()
	for _, c := range []struct{ options, want string }{
		{"transparent clientip", clientFour},
		{"", "10.77.0.1"},
		{"source 10.77.0.9:23001-23002", "10.77.0.9"}, // the session has one of the two ports
	} {
		p.write(t, sourceConfig([]sourced{{name: "web", options: c.options}}), "")
		reload := command(t, p.dir, "reload", "--config", "Caddyfile", "--address", p.admin)
		reload.Args = append([]string{"ip", "netns", "exec", n.proxy.name}, reload.Args...)
		reload.Path = programs.Need(t, "ip")
		if out, err := reload.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		conn, _, seen, err := n.ask(at)
		if err != nil || seen.Addr() != netip.MustParseAddr(c.want) || seen.Port() == first {
			t.Errorf("%q: seen from %s, %v", c.options, seen, err)
			continue
		}
		conn.Close()
	}
	if _, err := old.Write([]byte("still here\n")); err != nil {
		t.Error(err)
	}
	old.Close()
	p.await(t, "end of the old session", func(lines []logLine) bool {
		return slices.ContainsFunc(lines, func(l logLine) bool { return l.In == int64(len("hello\nstill here\n")) })
	})
}

// Without permission for addresses of others, the configuration is refused when it starts.
func TestTransparentWithoutPermission(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give up capabilities")
	}
	p := &process{dir: t.TempDir(), admin: freeAddress(t)}
	p.write(t, fmt.Sprintf("passthrough {\nfrontend web {\nbind %s\ndefault_backend web\n}\nbackend web {\ntransparent client\nserver s 10.0.0.1:443\n}\n}", freeAddress(t)), "")
	run := command(t, p.dir, "run", "--config", "Caddyfile")
	run.Args = append([]string{"setpriv", "--bounding-set", "-net_admin,-net_raw"}, run.Args...)
	run.Path = programs.Need(t, "setpriv")
	over := time.AfterFunc(patience, func() { _ = run.Process.Kill() })
	defer over.Stop()
	out, err := run.CombinedOutput()
	const want = `backend \"web\": server \"s\": transparent client: setsockopt IP_TRANSPARENT: operation not permitted: expected the capability CAP_NET_ADMIN`
	if err == nil || !strings.Contains(string(out), want) {
		t.Errorf("%v:\n%s", err, out)
	}
}
