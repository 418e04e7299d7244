// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// What is expected of our frontends is what HAProxy does.
func TestContentAsHAProxy(t *testing.T) {
	program, err := exec.LookPath("haproxy")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("there is no haproxy here")
	}
	told := stories(t)
	log := listenLog(t)
	addresses := runHAProxy(t, program, told, log.address)
	for i, s := range told {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.play(t, addresses[i])
			if s.letters == "" {
				return
			}
			if got := log.letters(t, i); got != s.letters {
				t.Errorf("HAProxy logged %s, want %s", got, s.letters)
			}
		})
	}
}

// runHAProxy runs one process with a frontend for each story.
func runHAProxy(t *testing.T, program string, told []story, log string) (addresses []string) {
	t.Helper()
	var config strings.Builder
	fmt.Fprintf(&config, "global\n log %s local0\n nbthread 1\ndefaults\n log global\n log-format \"story %%ft ended %%ts\"\n mode tcp\n timeout connect 5s\n timeout client 20s\n timeout server 20s\n", log)
	a, b := greeter(t, "a", nil), greeter(t, "b", nil)
	fmt.Fprintf(&config, "backend a\n server s %s\nbackend b\n server s %s\n", a, b)
	for i, s := range told {
		address := freeAddress(t)
		addresses = append(addresses, address)
		fallback := "b"
		if s.back != "" {
			fallback = fmt.Sprintf("b%d", i)
			fmt.Fprintf(&config, "backend %s\n%s\n server s %s\n", fallback, s.back, b)
		}
		fmt.Fprintf(&config, "frontend f%d\n bind %s\n%s\n default_backend %s\n", i, address, s.theirs, fallback)
	}
	probe := freeAddress(t)
	fmt.Fprintf(&config, "frontend probe\n bind %s\n default_backend b\n", probe)
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "-db", "-f", file)
	var output strings.Builder
	c.Stdout, c.Stderr = &output, &output
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", probe) // which is bound last
		if err == nil {
			conn.Close()
			return addresses
		}
		if time.Now().After(end) {
			t.Fatalf("haproxy does not listen: %v\n%s\n%s", err, output.String(), config.String())
		}
	}
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// syslog is what HAProxy says of stories' ends.
type syslog struct {
	address string

	mu   sync.Mutex
	ends map[string]string // by frontend, the last one's
}

var endOfStory = regexp.MustCompile(`story (f\d+) ended (\S\S)`)

func listenLog(t *testing.T) *syslog {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l := &syslog{address: conn.LocalAddr().String(), ends: make(map[string]string)}
	go func() {
		for buf := make([]byte, 4096); ; {
			n, _, err := conn.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if m := endOfStory.FindSubmatch(buf[:n]); m != nil {
				l.mu.Lock()
				l.ends[string(m[1])] = string(m[2])
				l.mu.Unlock()
			}
		}
	}()
	return l
}

// letters are those of the story's end, once it has come.
func (l *syslog) letters(t *testing.T, story int) string {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		letters := l.ends[fmt.Sprintf("f%d", story)]
		l.mu.Unlock()
		if letters != "" {
			return letters
		}
	}
	t.Error("HAProxy logged nothing")
	return ""
}
