// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// hashKey accepts the only key that is available.
func hashKey(_ *server, v string) error {
	if v != "id" {
		return fmt.Errorf("'hash-key %s' is not available: expected 'hash-key id'", v)
	}
	return nil
}

func setWeight(n *server, v string) error {
	w, err := haproxyfile.ParseUint(v, 0, balancer.MaxWeight)
	if err != nil {
		return fmt.Errorf("weight of server %s is not within 0 and %d (%s)", n.Name, balancer.MaxWeight, v)
	}
	n.Weight = new(int(w))
	return nil
}

// setInteger reads an integer from 0 on.
func setInteger(field *int, name, v string) error {
	n, err := haproxyfile.ParseUint(v, 0, 1<<31-1)
	if err != nil {
		return fmt.Errorf("'%s' expects an integer argument from 0 on but got '%s'", name, v)
	}
	*field = int(n)
	return nil
}

// setTime reads a time other than 0. A bare number is in milliseconds.
func setTime(field *caddy.Duration, name, v string) error {
	d, err := haproxyfile.ParseTime(v, time.Millisecond)
	if err != nil {
		return fmt.Errorf("'%s' argument: %w", name, err)
	}
	if d == 0 {
		return fmt.Errorf("invalid value %s for argument '%s': expected a time above 0", v, name)
	}
	*field = caddy.Duration(d)
	return nil
}

func choice(name string, field func(*server) *string, words ...string) func(*server, string) error {
	return func(n *server, v string) error {
		if err := oneOf(words...)([]string{v}); err != nil {
			return fmt.Errorf("'%s' %w", name, err)
		}
		*field(n) = underscores(v)
		return nil
	}
}

func positive(field *int, name, v string) error {
	if err := setInteger(field, name, v); err != nil {
		return err
	}
	if *field == 0 {
		return fmt.Errorf("%s has to be > 0", name)
	}
	return nil
}

func setPort(field *int, name, v string) error {
	port, err := haproxyfile.ParseUint(v, 1, 65535)
	if err != nil {
		return fmt.Errorf("'%s': invalid port '%s': expected one from 1 to 65535", name, v)
	}
	*field = int(port)
	return nil
}

func setHost(field *string, name, v string) error {
	a, err := haproxyfile.ParseAddress(v, haproxyfile.AddressOptions{})
	if err != nil {
		return fmt.Errorf("'%s' : %w", name, err)
	}
	if a.Host == "" {
		return fmt.Errorf("'%s': '%s': expected the address of a host", name, v)
	}
	*field = familyOf(&a) + a.Host
	if a.HasPort {
		*field = familyOf(&a) + net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
	}
	return nil
}

func serverID(n *server, v string) error {
	if err := positive(&n.ID, "id", v); err != nil {
		return errors.New("'id' : custom id has to be > 0")
	}
	return nil
}

// initAddress validates "init-addr METHOD[,METHOD...]".
func initAddress(n *server, v string) error {
	n.InitAddr = strings.Split(v, ",")
	for method := range strings.SplitSeq(v, ",") {
		if _, err := netip.ParseAddr(method); err != nil && !slices.Contains([]string{"last", "libc", "none"}, method) {
			return fmt.Errorf("'init-addr' : unknown init-addr method '%s', supported methods are 'libc', 'last', 'none'", method)
		}
	}
	return nil
}

// setResolveOpts reads "resolve-opts OPTION[,OPTION...]".
func setResolveOpts(n *server, v string) error {
	n.ResolveOpts = strings.Split(v, ",")
	for _, word := range n.ResolveOpts {
		if !slices.Contains([]string{"allow-dup-ip", "ignore-weight", "prevent-dup-ip"}, word) {
			return fmt.Errorf("'resolve-opts' : unknown resolve-opts option '%s', supported methods are 'allow-dup-ip', 'ignore-weight', and 'prevent-dup-ip'", word)
		}
	}
	return nil
}

// setResolveNet reads "resolve-net NETWORK[,NETWORK...]".
func setResolveNet(n *server, v string) error {
	n.ResolveNet = nil
	for text := range strings.SplitSeq(v, ",") {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			address, addressErr := netip.ParseAddr(text)
			if addressErr != nil {
				return fmt.Errorf("'resolve-net' : invalid network '%s'", text)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		n.ResolveNet = append(n.ResolveNet, network.String())
	}
	return nil
}

// setResolvePrefer reads "resolve-prefer ipv4|ipv6".
func setResolvePrefer(n *server, v string) error {
	n.ResolvePrefer = v
	if v != "ipv4" && v != "ipv6" {
		return errors.New("'resolve-prefer' expects either ipv4 or ipv6 as argument")
	}
	return nil
}
