// SPDX-License-Identifier: Apache-2.0

package netns

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// newNamespace makes a namespace for a test and returns its name.
func newNamespace(t testing.TB, suffix string) string {
	t.Helper()
	name := fmt.Sprintf("netns%s%d", suffix, os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		t.Skipf("it takes the privilege to make network namespaces: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() })
	return name
}

func open(t testing.TB, name string) *Namespace {
	t.Helper()
	n, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// current returns the namespace of the calling thread.
func current(t testing.TB) string {
	t.Helper()
	link, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Error(err)
	}
	return link
}

func TestDoRunsInTheNamespace(t *testing.T) {
	n := open(t, newNamespace(t, "do"))
	var socket net.Listener
	inside, threw := "", errors.New("an error")
	err := n.Do(func() (err error) {
		inside = current(t)
		if err := exec.Command("ip", "link", "set", "lo", "up").Run(); err != nil {
			return err
		}
		if socket, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return err
		}
		return threw
	})
	if !errors.Is(err, threw) {
		t.Fatal(err)
	}
	defer socket.Close()
	if outside := current(t); inside == outside || inside == "" {
		t.Errorf("inside %q, outside %q", inside, outside)
	}
	if c, err := net.Dial("tcp", socket.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("the socket is in the namespace of the process")
	}
	err = n.Do(func() error {
		c, err := net.Dial("tcp", socket.Addr().String())
		if err == nil {
			err = c.Close()
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Other goroutines are never in the namespace, whatever the functions do.
func TestOthersStayOutside(t *testing.T) {
	n := open(t, newNamespace(t, "others"))
	own := current(t)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			defer func() { _ = recover() }()
			_ = n.Do(func() error {
				if current(t) == own {
					t.Error("not in the namespace")
				}
				switch i % 3 {
				case 0:
					panic("a panic")
				case 1:
					runtime.Goexit()
				}
				return nil
			})
		})
		all.Go(func() {
			runtime.Gosched()
			if got := current(t); got != own {
				t.Errorf("another goroutine is in %s", got)
			}
		})
	}
	all.Wait()
	for range 256 {
		all.Go(func() {
			if got := current(t); got != own {
				t.Errorf("a later goroutine is in %s", got)
			}
		})
	}
	all.Wait()
}

func TestPanicPassesToTheCaller(t *testing.T) {
	n := open(t, "/proc/self/ns/net")
	defer func() {
		if v := recover(); v != "a panic" {
			t.Errorf("recovered %v", v)
		}
	}()
	_ = n.Do(func() error { panic("a panic") })
}

// An ID says which namespace it is, whatever the name.
func TestID(t *testing.T) {
	a, b := newNamespace(t, "a"), newNamespace(t, "b")
	first, again := open(t, a), open(t, filepath.Join(directory, a))
	other, ours := open(t, b), open(t, "/proc/self/ns/net")
	switch none := (ID{}); {
	case first.ID() != again.ID():
		t.Error("two names of one namespace have two IDs")
	case first.ID() == other.ID():
		t.Error("two namespaces have one ID")
	case ours.ID() != none || first.ID() == none:
		t.Error("the zero ID is the namespace of the process, and no other")
	case first.Name() != a:
		t.Errorf("name %q", first.Name())
	}
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	if _, err := os.Stat("/proc/self/ns/uts"); err != nil {
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"nosuchnamespace":    "no such file or directory; ip netns list",
		"/nosuchfile":        "no such file or directory",
		file:                 "not the file of a network namespace",
		"/proc/self/ns/uts":  "not the file of a network namespace",
		"/proc/self/ns/user": "not the file of a network namespace",
	} {
		_, err := Open(name)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v, expected %q", name, err, want)
		}
	}
}

func BenchmarkDo(b *testing.B) {
	n := open(b, newNamespace(b, "bench"))
	for b.Loop() {
		if err := n.Do(func() error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
