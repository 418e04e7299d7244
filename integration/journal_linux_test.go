// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

const journald = "/lib/systemd/systemd-journald"

// startJournal starts a journal of a namespace of its own, and returns the name.
func startJournal(t *testing.T) (namespace string) {
	t.Helper()
	programs.Need(t, "journalctl")
	if _, err := os.Stat(journald); err != nil || os.Getuid() != 0 { // it creates directories in /run
		t.Skip("systemd-journald needs root, and the package systemd")
	}
	namespace = fmt.Sprintf("passthrough-test-%d", os.Getpid())
	cmd := exec.Command(journald, namespace)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		for _, of := range []string{"/run/systemd/journal.", "/run/log/journal/*.", "/var/log/journal/*."} {
			left, _ := filepath.Glob(of + namespace)
			for _, directory := range left {
				_ = os.RemoveAll(directory)
			}
		}
		_ = os.Remove("/var/log/journal") // if it is empty: journald has created it
	})
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat("/run/systemd/journal." + namespace + "/socket"); err == nil {
			return namespace
		}
		if time.Now().After(over) {
			t.Fatal("systemd-journald does not listen")
		}
	}
}

// TestJournal finds the line of a connection in systemd's journal by its fields, and one that is
// larger than a datagram.
func TestJournal(t *testing.T) {
	t.Parallel()
	namespace := startJournal(t)
	socket := "/run/systemd/journal." + namespace + "/socket"
	e := &ending{address: freeAddress(t), origin: listen(t, greetAndEcho), maxconn: 10}
	options := e.config("") + sessionsTo("journal {\n socket "+socket+"\n identifier edge\n }")
	e.process = start(t, options, "")
	c := dial(t, e.address)
	if _, err := c.Write(hellotest.Hello(t, "www.example.test", "h2", "a\nMESSAGE=b")); err != nil {
		t.Fatal(err)
	}
	read(t, c, make([]byte, 2))
	_ = c.Close()
	var entry map[string]any
	for over := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		found, _ := exec.Command("journalctl", "--namespace="+namespace, "--output=json", "--all", "SNI=www.example.test").Output()
		if json.Unmarshal(found, &entry) == nil {
			break
		}
		if time.Now().After(over) {
			t.Fatalf("no entry: %s", found)
		}
	}
	for field, want := range map[string]string{"PRIORITY": "6", "SYSLOG_IDENTIFIER": "edge", "BACKEND": "default", "SERVER": "s1", "END": "complete", "_TRANSPORT": "journal"} {
		if entry[field] != want {
			t.Errorf("%s: %v, want %s", field, entry[field], want)
		}
	}
	if got, _ := entry["ALPN"].([]any); !slices.Equal(got, []any{"h2", `a\x0aMESSAGE=b`}) {
		t.Errorf("ALPN: %q", got)
	}
	if line, _ := entry["MESSAGE"].(string); !strings.Contains(line, `"msg":"session"`) || !json.Valid([]byte(line)) {
		t.Errorf("MESSAGE: %q", line)
	}
	err := e.reload(t, strings.Replace(options, socket, socket+"2", 1), "")
	if err == nil || !strings.Contains(err.Error(), "systemd's journal is not reachable: dial unixgram "+socket+"2") {
		t.Errorf("a journal that is not there: %v", err)
	}
}
