// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
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

// ownerOf returns the owner with a user and a group, each a name, a number or empty.
func ownerOf(name, group string) (o durable.Owner, err error) {
	o.SetUser, o.SetGroup = name != "", group != ""
	if o.UID, err = number(name, userID); err != nil {
		return o, fmt.Errorf("user %q: %w", name, err)
	}
	if o.GID, err = number(group, groupID); err != nil {
		return o, fmt.Errorf("group %q: %w", group, err)
	}
	return o, nil
}

func userID(name string) (string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return u.Uid, nil
}

func groupID(name string) (string, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return "", err
	}
	return g.Gid, nil
}

// number returns the number that text is, or that lookup returns.
func number(text string, lookup func(string) (string, error)) (int, error) {
	if text == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return int(n), nil
	}
	found, err := lookup(text)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(found, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("its number is %q: expected a system with numbers of users", found)
	}
	return int(n), nil
}
