// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"fmt"
	"net"
	"sync"

	"github.com/caddy-passthrough/caddy-passthrough/modules/netns"
)

// place is the network namespace and the interface of a socket. Sockets of one address and
// different places are independent of each other.
type place struct {
	ns     netns.ID // zero: that of the process
	device int      // index of the interface; 0: any
}

// placeNames holds the text of each place that has been used, for logs: place → string. Names are
// not a part of a place, since one interface or namespace may have several.
var placeNames sync.Map

func (p place) String() string {
	text, _ := placeNames.Load(p)
	name, _ := text.(string)
	return name
}

// setPlace finds the namespace and the interface that the options name, and makes them the place of
// addresses.
func (o *socketOptions) setPlace(as []address) error {
	if o.Namespace == "" && o.Interface == "" {
		return nil
	}
	var in place
	if o.Namespace != "" {
		ns, err := netns.Open(o.Namespace)
		if err != nil {
			return fmt.Errorf("namespace: %w", err)
		}
		if in.ns = ns.ID(); in.ns != (netns.ID{}) {
			o.ns = ns
		}
	}
	if o.Interface != "" {
		err := o.inNamespace(func() error {
			i, err := net.InterfaceByName(o.Interface)
			if err == nil {
				in.device = i.Index
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("interface %q%s: %w", o.Interface, inText(o.Namespace), err)
		}
	}
	placeNames.Store(in, onText(o.Interface)+inText(o.Namespace))
	for i := range as {
		as[i].place = in
		if as[i].at.Addr().Zone() == o.Interface { // it binds the socket to the interface, too
			as[i].place.device = 0
		}
	}
	return nil
}

// inNamespace calls f in the namespace of the socket.
func (o *socketOptions) inNamespace(f func() error) error { return within(o.ns, f) }

// within calls f in a namespace; nil is that of the process.
func within(ns *netns.Namespace, f func() error) error {
	if ns == nil {
		return f()
	}
	return ns.Do(f)
}

// onText names an interface after an address.
func onText(device string) string {
	if device == "" {
		return ""
	}
	return fmt.Sprintf(" on interface %s", device)
}

// inText names a namespace after an address.
func inText(namespace string) string {
	if namespace == "" {
		return ""
	}
	return fmt.Sprintf(" in namespace %s", namespace)
}
