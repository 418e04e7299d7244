// SPDX-License-Identifier: Apache-2.0

// Package sharedtables tests three processes that share stick tables by a real Redis, with clients
// that meet any of them.
package sharedtables

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
)

var caddy = &programs.Caddy{}

func TestMain(m *testing.M) {
	code := m.Run()
	caddy.Remove()
	os.Exit(code)
}

// server is a server that sends its name to each client that has sent something.
func server(t *testing.T, name string) (address string) {
	t.Helper()
	return programs.Listen(t, programs.Patience, func(c *net.TCPConn) {
		defer func() { _ = c.Close() }()
		if _, err := c.Read(make([]byte, 4096)); err == nil {
			_, _ = io.WriteString(c, name+"\n")
			_, _ = io.Copy(io.Discard, c)
		}
	})
}

// node is a process of ours.
type node struct {
	t                 *testing.T
	byID, bySource    string // addresses of its frontends
	admin, configFile string
	cmd               *exec.Cmd
}

// config is the configuration of a node. Each has the same servers.
const config = `{
	admin %s
	storage file_system %s
	persist_config off
	passthrough {
		frontend by_id {
			bind %s
			default_backend by_id
		}
		frontend by_source {
			bind %s
			default_backend by_source
		}
		backend by_id {
			balance random
			%s
			stick {
				match session_id
				store_request session_id
				%s
			}
		}
		backend by_source {
			balance random
			%s
			stick {
				on src
				%s
			}
		}
	}
}
`

// startNode starts a node. options are more of both tables, timeout limits the time that
// connections wait for Redis.
func startNode(t *testing.T, redis string, servers []string, options, timeout string) *node {
	t.Helper()
	dir := t.TempDir()
	n := &node{t: t, byID: programs.Address(t), bySource: programs.Address(t), admin: programs.Address(t), configFile: filepath.Join(dir, "Caddyfile")}
	var lines []string
	for i, address := range servers {
		lines = append(lines, fmt.Sprintf("server s%d %s", i+1, address))
	}
	all := strings.Join(lines, "\n")
	store := options + "\nstore redis redis://" + redis + " {\n timeout " + timeout + "\n}"
	text := fmt.Sprintf(config, n.admin, dir, n.byID, n.bySource, all, store, all, store)
	if err := os.WriteFile(n.configFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n.cmd = exec.Command(caddy.Path(t), "run", "--adapter", "caddyfile", "--config", n.configFile)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	n.cmd.Stdout, n.cmd.Stderr = log, log
	n.cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.kill()
		_ = log.Close()
		if t.Failed() {
			written, _ := os.ReadFile(log.Name())
			t.Logf("log of %s: %s", n.admin, written)
		}
	})
	return n
}

func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

// tables returns the node's stick tables; nil: it does not answer.
func (n *node) tables() (all map[string]lbadmin.Table) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.admin+"/passthrough/tables", nil)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil
	}
	defer func() { _ = response.Body.Close() }()
	_ = json.NewDecoder(response.Body).Decode(&all)
	return all
}

// awaitState waits until both tables of the node are in a state, and nothing is pending there if
// they are connected.
func (n *node) awaitState(state string) {
	n.t.Helper()
	programs.Until(n.t, "the tables are "+state, func() bool {
		all := n.tables()
		for _, table := range all {
			if table.Share == nil || table.Share.State != state || state == "connected" && table.Share.Pending > 0 {
				return false
			}
		}
		return len(all) == 2
	})
}

// client is a client that is known by its session id, or by its address.
type client struct {
	number int
	hello  []byte
	source *net.TCPAddr // nil: any
}

// placeOfID is where the session id of a ClientHello begins: behind the headers of the record and
// of the message, the version, the random and the length.
const placeOfID = 5 + 4 + 2 + 32 + 1

func newClient(hello []byte, number int) client {
	c := client{number: number, hello: hello}
	if number%2 == 0 {
		c.hello = append([]byte(nil), hello...)
		copy(c.hello[placeOfID:], fmt.Sprintf("the session of client %8d ", number))
		return c
	}
	c.source = &net.TCPAddr{IP: net.IPv4(127, 9, byte(number>>8), byte(number))}
	return c
}

// visit connects to a node, and returns the server and the time until it has answered.
func (c client) visit(n *node) (server string, took time.Duration, err error) {
	address := n.byID
	dialer := net.Dialer{Timeout: programs.Patience}
	if c.source != nil {
		address, dialer.LocalAddr = n.bySource, c.source
	}
	began := time.Now()
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(programs.Patience))
	if _, err := conn.Write(c.hello); err != nil {
		return "", 0, err
	}
	buf := make([]byte, 64)
	k, err := conn.Read(buf)
	if err != nil {
		return "", 0, err
	}
	name, complete := strings.CutSuffix(string(buf[:k]), "\n")
	if !complete {
		return "", 0, errors.New("an incomplete answer")
	}
	return name, time.Since(began), nil
}

// hello returns a ClientHello with a session id of 32 bytes.
func hello(t *testing.T) []byte {
	t.Helper()
	b := hellotest.Hello(t, "www.example.com")
	if b[placeOfID-1] != 32 {
		t.Fatalf("a session id of %d bytes", b[placeOfID-1])
	}
	return b
}
