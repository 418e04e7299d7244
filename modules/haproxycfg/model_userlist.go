// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/crypthash"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// userlist is a section with accounts, for the pages of other sections.
type userlist struct {
	users  []account
	groups map[string][]string // the names of the users of each group
}

// hashOf returns the hash of a plain password. Equal passwords of two users have other hashes.
func hashOf(name, password string) string {
	return crypthash.Salted(password, name+":"+password)
}

// of returns the users of some groups, or all users if no groups are given.
func (l *userlist) of(groups []string) (users []account) {
	for _, u := range l.users {
		if groups == nil || slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(l.groups[g], u.name) }) {
			users = append(users, u)
		}
	}
	return users
}

// readUserlist reads the lines of a userlist.
func (t *translation) readUserlist(s haproxyfile.Section) {
	if t.userlists[s.Args[0]] != nil {
		t.warnf(s.Pos, "ignoring duplicated userlist '%s'.", s.Args[0])
		return
	}
	l := &userlist{groups: make(map[string][]string)}
	t.userlists[s.Args[0]] = l
	for _, line := range s.Lines {
		var err error
		switch line.Words[0] {
		case "group":
			err = l.addGroup(line.Words[1:])
		case "user":
			err = l.addUser(line.Words[1:])
		default:
			err = fmt.Errorf("unknown keyword '%s' in 'userlist' section: expected group or user", line.Words[0])
		}
		if err != nil {
			t.errorf(line.Pos, "%v", err)
		}
	}
}

// addGroup reads "group NAME [users NAME,…]".
func (l *userlist) addGroup(words []string) error {
	switch {
	case len(words) == 0:
		return fmt.Errorf("'group' expects a name")
	case len(words) == 1:
		l.groups[words[0]] = append(l.groups[words[0]], []string{}...)
		return nil
	case len(words) != 3 || words[1] != "users":
		return fmt.Errorf("'group %s' expects nothing or 'users NAME,…' after the name", words[0])
	}
	l.groups[words[0]] = append(l.groups[words[0]], strings.Split(words[2], ",")...)
	return nil
}

// addUser reads "user NAME [password HASH|insecure-password TEXT] [groups NAME,…]".
func (l *userlist) addUser(words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("'user' expects a name")
	}
	u := account{name: words[0]}
	if slices.ContainsFunc(l.users, func(other account) bool { return other.name == u.name }) {
		return fmt.Errorf("user '%s' is defined twice", u.name)
	}
	for rest := words[1:]; len(rest) > 0; rest = rest[2:] {
		if len(rest) == 1 {
			return fmt.Errorf("'user %s': '%s' expects an argument", u.name, rest[0])
		}
		switch value := rest[1]; rest[0] {
		case "password":
			if err := crypthash.Validate(value); err != nil {
				return fmt.Errorf("'user %s': 'password': %w", u.name, err)
			}
			u.hash = value
		case "insecure-password":
			u.hash = hashOf(u.name, value)
		case "groups":
			for group := range strings.SplitSeq(value, ",") {
				l.groups[group] = append(l.groups[group], u.name)
			}
		default:
			return fmt.Errorf("'user %s': unknown keyword '%s': expected password, insecure-password or groups", u.name, rest[0])
		}
	}
	if u.hash != "" { // without a password, nothing authenticates the user
		l.users = append(l.users, u)
	}
	return nil
}
