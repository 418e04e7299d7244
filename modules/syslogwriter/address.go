// SPDX-License-Identifier: Apache-2.0

package syslogwriter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/syslog"
)

// defaultPort is the port of a target without one.
const defaultPort = 514

// parseAddress returns how to connect to an address.
func parseAddress(text string) (syslog.Dialer, error) {
	text, err := caddy.NewReplacer().ReplaceOrErr(text, true, true)
	if err != nil {
		return syslog.Dialer{}, fmt.Errorf("address: %w", err)
	}
	switch text {
	case "":
		return syslog.Dialer{}, errors.New("expected an address, such as udp/10.0.0.1:514 or unixgram//dev/log")
	case "stdout":
		return file(os.Stdout), nil
	case "stderr":
		return file(os.Stderr), nil
	}
	if number, ok := strings.CutPrefix(text, "fd/"); ok {
		return descriptor(number)
	}
	a, err := caddy.ParseNetworkAddressWithDefaults(text, "udp", defaultPort)
	if err != nil {
		return syslog.Dialer{}, fmt.Errorf("address %q: %w", text, err)
	}
	stream := false
	switch a.Network {
	case "udp", "udp4", "udp6", "unixgram":
	case "tcp", "tcp4", "tcp6", "unix":
		stream = true
	default:
		return syslog.Dialer{}, fmt.Errorf("address %q: network %s: expected udp, tcp, unixgram or unix", text, a.Network)
	}
	if a.PortRangeSize() != 1 {
		return syslog.Dialer{}, fmt.Errorf("address %q: expected one port", text)
	}
	to := a.JoinHostPort(0)
	return syslog.Dialer{
		Dial: func(ctx context.Context) (io.WriteCloser, error) {
			return new(net.Dialer).DialContext(ctx, a.Network, to)
		},
		Stream: stream,
	}, nil
}

// descriptor returns a dialer to one of the descriptors that the process was started with. One that
// is not open fails when it is dialed: no log keeps the process from starting.
func descriptor(number string) (syslog.Dialer, error) {
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return syslog.Dialer{}, fmt.Errorf("address %q: expected the number of a descriptor, such as fd/3", "fd/"+number)
	}
	return syslog.Dialer{
		Dial:   func(context.Context) (io.WriteCloser, error) { return duplicated(int(n)) },
		Stream: true,
	}, nil
}

// file returns a dialer to a file, which stays open.
func file(f *os.File) syslog.Dialer {
	return syslog.Dialer{
		Dial:   func(context.Context) (io.WriteCloser, error) { return keptOpen{f}, nil },
		Stream: true,
	}
}

// keptOpen is a file that Close does not close.
type keptOpen struct{ io.Writer }

// Close implements io.Closer. It does nothing.
func (keptOpen) Close() error { return nil }
