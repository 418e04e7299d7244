// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lbsocket"
)

const (
	noteStatsSocket  = "the answers differ in places ([how](runtime.md#haproxys-socket)); 'expose-fd' has no meaning, since a reload keeps the listening sockets; TLS is an error"
	noteStatsMaxConn = "it applies to each socket"
)

// statsSockets holds the sockets of "stats socket", and the options of all of them.
type statsSockets struct {
	sockets []*lbsocket.Socket
	timeout time.Duration
	maxConn int
}

// unusedSocketOptions are the options of stats socket, with the number of their words, that have no
// effect on the commands.
var unusedSocketOptions = map[string]int{
	"expose-fd": 1, "process": 1, "thread": 1, "shards": 1, "backlog": 1, "maxconn": 1, "name": 1, "id": 1, "nice": 1,
	"severity-output": 1, "guid-prefix": 1, "label": 1, "v4v6": 0, "v6only": 0, "defer-accept": 0, "tfo": 0,
}

// addStatsSocket reads "stats socket ADDRESS [OPTION [VALUE]]…".
func addStatsSocket(t *translation, _ *proxy, s statement) {
	t.hasSocket = true
	addresses, err := haproxyfile.ParseAddresses(s.args[0], haproxyfile.AddressOptions{Bind: true, Getenv: t.getenv})
	if err != nil {
		t.errorf(s.Pos, "'stats socket' : %v", err)
		return
	}
	with, err := socketOptions(s.args[1:])
	if err != nil {
		t.errorf(s.Pos, "'stats socket' : %v", err)
		return
	}
	for i := range addresses {
		socket := *with
		if socket.Address, err = t.socketAddress(&addresses[i]); err != nil {
			t.errorf(s.Pos, "'stats socket' : %v", err)
			return
		}
		if !strings.HasPrefix(socket.Address, "/") {
			socket.Mode, socket.User, socket.Group = "", "", ""
		}
		t.statsSockets.sockets = append(t.statsSockets.sockets, &socket)
	}
}

// socketAddress returns the address of a socket in the form of package lbsocket.
func (t *translation) socketAddress(a *haproxyfile.Address) (string, error) {
	if err := t.validateBindAddress(a); err != nil {
		return "", err
	}
	if a.PortHigh > a.Port {
		return "", fmt.Errorf("'%s': expected one port", a)
	}
	if name, ok := abstractName(a); ok {
		return name, nil
	}
	switch a.Family {
	case haproxyfile.Unix:
		return a.Path, nil
	case haproxyfile.FD:
		return "fd/" + strconv.Itoa(a.FD), nil
	default:
		return familyOfSocket(a) + net.JoinHostPort(a.Host, strconv.Itoa(a.Port)), nil
	}
}

// familyOfSocket returns the network of an address, with a slash. Without a version, HAProxy
// listens on IPv4.
func familyOfSocket(a *haproxyfile.Address) string {
	switch {
	case a.Family == haproxyfile.IPv6 || strings.Contains(a.Host, ":"):
		return "durable6/"
	case a.Host == "":
		return "durable4/"
	}
	return ""
}

// socketOptions reads the options of a stats socket.
func socketOptions(words []string) (*lbsocket.Socket, error) {
	s := new(lbsocket.Socket)
	for len(words) > 0 {
		name, value := words[0], ""
		if len(words) > 1 {
			value = words[1]
		}
		if n, ok := unusedSocketOptions[name]; ok {
			words = words[min(len(words), 1+n):]
			continue
		}
		if err := setSocketOption(s, name, value); err != nil {
			return nil, err
		}
		words = words[min(len(words), 2):]
	}
	return s, nil
}

func setSocketOption(s *lbsocket.Socket, name, value string) error {
	if value == "" && name != "mode" {
		switch name {
		case "level":
			return errors.New("'level' : missing level")
		case "user", "group", "uid", "gid":
			return fmt.Errorf("'%s' : missing name", name)
		}
	}
	switch name {
	case "level":
		if !slices.Contains([]string{"user", "operator", "admin"}, value) {
			return fmt.Errorf("'level' only supports 'user', 'operator', and 'admin' (got '%s')", value)
		}
		s.Level = value
	case "mode":
		if err := octal(value); err != nil {
			return fmt.Errorf("'mode' : %w", err)
		}
		s.Mode = value
	case "user", "uid":
		s.User = value
	case "group", "gid":
		s.Group = value
	default:
		known := slices.Concat([]string{"level", "mode", "user", "group", "uid", "gid"}, slices.Collect(maps.Keys(unusedSocketOptions)))
		return fmt.Errorf("'%s' is not available%s", name, didYouMean(name, known))
	}
	return nil
}

// statsTimeout validates "stats timeout".
func statsTimeout(args []string) error {
	if err := duration(args); err != nil {
		return err
	}
	if milliseconds(args[0]) <= 0 {
		return errors.New("expects a positive value")
	}
	return nil
}

// statsMaxConn validates "stats maxconn".
func statsMaxConn(args []string) error {
	if number(1, 1<<31-1)(args) != nil {
		return errors.New("expects a positive value")
	}
	return nil
}
