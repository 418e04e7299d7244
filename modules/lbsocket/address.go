// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
)

// resolve sets listen and path from an address.
func (s *Socket) resolve(address string) error {
	if strings.HasPrefix(address, "/") {
		address = "unix/" + address
	}
	network, rest, given := strings.Cut(address, "/")
	switch {
	case !given:
		if _, _, err := net.SplitHostPort(address); err != nil {
			return errors.New("expected the path of a Unix socket, such as /run/caddy/haproxy.sock, or HOST:PORT")
		}
		address = "durable/" + address
	case slices.Contains([]string{"unix", "abns", "fd"}, network):
		address = "durable/" + address
	case durable.IsNetwork(network):
		network, rest, _ = strings.Cut(rest, "/")
	default:
		return errors.New("expected the path of a Unix socket, unix//PATH, unix/@NAME, abns/NAME, fd/NUMBER or HOST:PORT")
	}
	s.listen, s.path = address, ""
	if network == "unix" && !strings.HasPrefix(rest, "@") {
		s.path, _, _ = strings.Cut(rest, "|")
	}
	return s.addMode()
}

// addMode appends the mode to the address.
func (s *Socket) addMode() error {
	if s.Mode == "" {
		return nil
	}
	mode, err := strconv.ParseUint(s.Mode, 8, 32)
	switch {
	case s.path == "":
		return fmt.Errorf("mode %q: expected it with the path of a Unix socket alone", s.Mode)
	case err != nil || fs.FileMode(mode) > fs.ModePerm || mode&0o200 == 0:
		return fmt.Errorf("mode %q: expected an octal number, such as 0660, in which the owner may write", s.Mode)
	case strings.Contains(s.listen, "|"):
		return fmt.Errorf("mode %q: the address has one already", s.Mode)
	}
	s.listen += "|" + s.Mode
	return nil
}

// name returns the address as HAProxy writes it.
func (s *Socket) name() string {
	_, rest, _ := strings.Cut(s.listen, "/")
	switch network, of, _ := strings.Cut(rest, "/"); {
	case s.path != "":
		return "unix@" + s.path
	case network == "unix":
		return "abns@" + strings.TrimPrefix(of, "@")
	case network == "abns" || network == "fd":
		return network + "@" + of
	case strings.HasPrefix(rest, "["):
		return "ipv6@" + rest
	}
	return "ipv4@" + rest
}

// owner returns the numbers of a user and a group, each a name, a number or empty: -1.
func owner(name, group string) (uid, gid int, err error) {
	uid, gid = -1, -1
	if name != "" {
		if uid, err = number(name, func() (string, error) {
			u, err := user.Lookup(name)
			if err != nil {
				return "", err
			}
			return u.Uid, nil
		}); err != nil {
			return 0, 0, fmt.Errorf("user %q: %w", name, err)
		}
	}
	if group != "" {
		if gid, err = number(group, func() (string, error) {
			g, err := user.LookupGroup(group)
			if err != nil {
				return "", err
			}
			return g.Gid, nil
		}); err != nil {
			return 0, 0, fmt.Errorf("group %q: %w", group, err)
		}
	}
	return uid, gid, nil
}

// number returns the number that text is, or that lookup returns.
func number(text string, lookup func() (string, error)) (int, error) {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return int(n), nil
	}
	found, err := lookup()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(found, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("its number is %q: expected a system with numbers of users", found)
	}
	return int(n), nil
}

// setOwner changes the owner of the path.
func (s *Socket) setOwner() error {
	if s.uid < 0 && s.gid < 0 {
		return nil
	}
	return os.Chown(s.path, s.uid, s.gid)
}
