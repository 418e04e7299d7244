// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func acceptError(err error) error {
	return &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", err)}
}

func TestFatalAcceptErrors(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{syscall.EMFILE, false},
		{syscall.ENFILE, false},
		{syscall.ENOBUFS, false},
		{syscall.ENOMEM, false},
		{syscall.ECONNABORTED, false},
		{syscall.EPERM, false},
		{syscall.EPROTO, false},
		{syscall.EHOSTUNREACH, false},
		{errors.New("unheard of"), false},
		{net.ErrClosed, true},
		{syscall.EBADF, true},
		{syscall.EINVAL, true},
		{syscall.ENOTSOCK, true},
	} {
		if got := fatal(acceptError(tc.err)); got != tc.want {
			t.Errorf("fatal(%v) = %v, want %v", tc.err, got, tc.want)
		}
	}
}

func TestAcceptBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		results, lns := openFake(t, 1)
		ms := time.Millisecond
		start := time.Now()
		for _, want := range []time.Duration{
			0, 5 * ms, 10 * ms, 20 * ms, 40 * ms, 80 * ms, 160 * ms, 320 * ms, 640 * ms, time.Second, time.Second,
		} {
			results <- acceptError(syscall.EMFILE)
			if got := time.Since(start); got != want {
				t.Errorf("tried again after %v, want %v", got, want)
			}
			start = time.Now()
		}

		// A success resets the pause; an aborted connection costs no pause at all.
		client, server := net.Pipe()
		defer client.Close()
		results <- server
		if _, err := lns[0].Accept(); err != nil {
			t.Fatal(err)
		}
		server.Close()
		start = time.Now()
		for range 10 {
			results <- acceptError(syscall.ECONNABORTED)
		}
		results <- acceptError(syscall.ENFILE)
		results <- acceptError(syscall.ENFILE)
		if got := time.Since(start); got != minPause {
			t.Errorf("paused %v, want %v", got, minPause)
		}

		// The last close ends a pause.
		start = time.Now()
		lns[0].Close()
		<-lns[0].sock.done
		if got := time.Since(start); got != 0 {
			t.Errorf("ended %v after the last close", got)
		}
	})
}
