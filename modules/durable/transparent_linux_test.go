// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// What a connection is to is asked for each, since the system may redirect it to the socket.
func TestTransparentAsksForLocalAddresses(t *testing.T) {
	a := resolveOne(t, "127.0.0.1", 0)
	k, err := openTCP(t.Context(), a, socketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if k.(*tcpKernel).localAddr() == nil {
		t.Error("it is asked for each connection without the option")
	}
	for _, on := range []bool{true, false} { // connections that came before are still in the queue
		if err := k.configure(socketOptions{Options: Options{Transparent: on}}); err != nil {
			t.Fatal(err)
		}
		if got := k.(*tcpKernel).localAddr(); got != nil {
			t.Errorf("transparent %v: %v is taken for the address of all connections", on, got)
		}
	}
}

// Without the privilege for IP_TRANSPARENT, IP_FREEBIND permits the address, as in HAProxy.
func TestTransparentWithoutPrivilege(t *testing.T) {
	runtime.LockOSThread() // for good: the thread ends with the test
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host           string
		level, privily int
		freely         int
	}{
		{"192.0.2.1", unix.IPPROTO_IP, unix.IP_TRANSPARENT, unix.IP_FREEBIND},
		{"2001:db8::1", unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT, unix.IPV6_FREEBIND},
	} {
		k, err := openTCP(t.Context(), resolveOne(t, c.host, unused(t)), socketOptions{Options: Options{Transparent: true}})
		if err != nil {
			t.Errorf("%s: %v", c.host, err)
			continue
		}
		defer k.Close()
		file := k.(*tcpKernel).file
		if optionOf(t, file, c.level, c.privily) != 0 || optionOf(t, file, c.level, c.freely) != 1 {
			t.Errorf("%s: the thread has privileges", c.host)
		}
	}
}
