// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func listenAt(t *testing.T, host string) (net.Listener, error) {
	t.Helper()
	got, err := listen(t.Context(), "durable", host, "0", 0, net.ListenConfig{})
	if err != nil {
		return nil, err
	}
	ln := got.(net.Listener)
	t.Cleanup(func() { ln.Close() })
	return ln, nil
}

// answers checks that a connection to an address is answered with a byte.
func answers(t *testing.T, address string, want byte) {
	t.Helper()
	if got, err := ask(address); got != want || err != nil {
		t.Errorf("%s: got %d, %v, want %d", address, got, err, want)
	}
}

// A Unix socket replaces an existing one, dead or alive, and nothing else. A file that another
// program puts at the path later stays.
func TestUnixPath(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	other, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	other.SetUnlinkOnClose(false)
	defer other.Close()

	ln, err := listenAt(t, "unix/"+path+"|0666")
	if err != nil {
		t.Fatal(err)
	}
	go serve(ln, 1)
	answers(t, "unix/"+path, 1)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if got := ln.Addr().String(); got != path {
		t.Errorf("it listens at %s, want %s", got, path)
	}
	ln.Close()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	if ln, err = listenAt(t, "unix/"+path); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("somebody else's file is gone: %v", err)
	}
	if _, err := listenAt(t, "unix/"+path); err == nil || !strings.Contains(err.Error(), "exists and is not a socket") {
		t.Errorf("a file in the way: %v", err)
	}
}

func TestAbstractName(t *testing.T) {
	host := "unix/@durable-" + strconv.Itoa(os.Getpid())
	for range 2 {
		ln, err := listenAt(t, host)
		if err != nil {
			t.Fatal(err)
		}
		go serve(ln, 1)
		answers(t, host, 1)
		ln.Close()
		if _, err := ask(host); err == nil {
			t.Error("it is still there")
		}
	}
}

// inherited returns a descriptor that looks as if the process was started with it.
func inherited(t *testing.T, ln interface{ File() (*os.File, error) }) (number string) {
	t.Helper()
	file, err := ln.File()
	if err != nil {
		t.Fatal(err)
	}
	n := int(file.Fd())
	t.Cleanup(func() {
		socketsMu.Lock()
		delete(descriptors, n) // another file may get its number
		socketsMu.Unlock()
		file.Close()
	})
	if _, err := unix.FcntlInt(uintptr(n), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(n)
}

// Any number of users serve an inherited socket, one after the other. It stays the starter's:
// connections left in its queue at the last close wait for the next user.
func TestDescriptorIsTakenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	overUnix, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer overUnix.Close()
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	overTCP, err := plain.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer overTCP.Close()
	for address, number := range map[string]string{
		"unix/" + path:          inherited(t, overUnix),
		overTCP.Addr().String(): inherited(t, overTCP.(*net.TCPListener)),
	} {
		ln, err := listenAt(t, "fd/"+number)
		if err != nil {
			t.Fatal(err)
		}
		go serve(ln, 1)
		answers(t, address, 1)
		ln.Close()
		got := make(chan byte)
		go func() {
			b, err := ask(address)
			if err != nil {
				t.Error(err)
			}
			got <- b
		}()
		if ln, err = listenAt(t, "fd/"+number); err != nil {
			t.Fatal(err)
		}
		go serve(ln, 2)
		if b := <-got; b != 2 {
			t.Errorf("%s: %d, want 2", address, b)
		}
		ln.Close()
	}
}

func TestForeignDescriptorIsRefused(t *testing.T) {
	own := open(t, 0)
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	connected := dial(t, own)
	ownFD := ""
	_ = own.(*listener).sock.kernel.(*tcpKernel).do(func(fd int) error {
		ownFD = strconv.Itoa(fd)
		return nil
	})
	for number, want := range map[string]string{
		"999":                                  "was not started with it",
		ownFD:                                  "was not started with it",
		inherited(t, udp.(*net.UDPConn)):       "not a listening socket",
		inherited(t, connected.(*net.TCPConn)): "not a listening socket",
	} {
		if _, err := listenAt(t, "fd/"+number); err == nil || !strings.Contains(err.Error(), "descriptor "+number+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("fd/%s: %v, want %s", number, err, want)
		}
	}
}
