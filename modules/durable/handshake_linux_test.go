// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// far is a client whose packets the test writes itself, so that it controls how long a handshake
// takes.
type far struct {
	tun      *os.File
	from, to netip.AddrPort
	sequence uint32
}

// newFar moves the test to a network namespace of its own, with one address and one client behind a
// TUN device.
func newFar(t *testing.T) *far {
	t.Helper()
	runtime.LockOSThread() // for good: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("it takes the privilege to make network namespaces: ", err)
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip("no TUN devices here: ", err)
	}
	request, err := unix.NewIfreq("tun0")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		t.Fatal(err)
	}
	f := &far{tun: os.NewFile(uintptr(fd), "tun0"), from: netip.MustParseAddrPort("198.18.7.2:40000")}
	t.Cleanup(func() { f.tun.Close() })
	for _, args := range [][]string{{"addr", "add", "198.18.7.1/24", "dev", "tun0"}, {"link", "set", "tun0", "up"}} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Skipf("ip %q: %v: %s", args, err, out)
		}
	}
	return f
}

// send sends a segment without data.
func (f *far) send(t *testing.T, flags byte, acknowledged uint32) {
	t.Helper()
	b := make([]byte, 40)
	b[0], b[8], b[9] = 0x45, 64, unix.IPPROTO_TCP
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	from, to := f.from.Addr().As4(), f.to.Addr().As4()
	copy(b[12:], from[:])
	copy(b[16:], to[:])
	binary.BigEndian.PutUint16(b[10:], checksum(b[:20], 0))
	tcp := b[20:]
	binary.BigEndian.PutUint16(tcp, f.from.Port())
	binary.BigEndian.PutUint16(tcp[2:], f.to.Port())
	binary.BigEndian.PutUint32(tcp[4:], f.sequence)
	binary.BigEndian.PutUint32(tcp[8:], acknowledged)
	tcp[12], tcp[13] = 5<<4, flags
	binary.BigEndian.PutUint16(tcp[14:], 65535)
	pseudo := uint32(unix.IPPROTO_TCP + len(tcp))
	binary.BigEndian.PutUint16(tcp[16:], checksum(append(append([]byte(nil), b[12:20]...), tcp...), pseudo))
	if _, err := f.tun.Write(b); err != nil {
		t.Fatal(err)
	}
}

// checksum is the Internet checksum (RFC 1071).
func checksum(b []byte, sum uint32) uint16 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum>>16 > 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// receive returns the flags and the sequence number of the next segment for the client.
func (f *far) receive() (flags byte, sequence uint32, err error) {
	b := make([]byte, 2000)
	for {
		_ = f.tun.SetReadDeadline(time.Now().Add(patience))
		n, err := f.tun.Read(b)
		if err != nil {
			return 0, 0, err
		}
		if n >= 40 && b[0]>>4 == 4 && b[9] == unix.IPPROTO_TCP {
			tcp := b[int(b[0]&15)*4:]
			return tcp[13], binary.BigEndian.Uint32(tcp[4:]), nil
		}
	}
}

// A client whose handshake has begun when another socket takes over its address is accepted from
// that socket.
func TestOverlapHandsHandshakeOver(t *testing.T) {
	eachWay(t, testOverlapHandsHandshakeOver, byAccept, byTaker)
}

func testOverlapHandsHandshakeOver(t *testing.T) {
	for name, hosts := range map[string][2]string{"wider": {"198.18.7.1", "0.0.0.0"}, "narrower": {"0.0.0.0", "198.18.7.1"}} {
		t.Run(name, func(t *testing.T) {
			const tries = 10 // on a busy machine the handshake may take longer than handshakeTime
			for range tries {
				if handsHandshakeOver(t, hosts) {
					return
				}
			}
			t.Error("the client was reset")
		})
	}
}

// handsHandshakeOver reports whether one such client is accepted, and not reset.
func handsHandshakeOver(t *testing.T, hosts [2]string) bool {
	t.Helper()
	const syn, ack, rst = 0x02, 0x10, 0x04
	f := newFar(t)
	before, err := openFamily(t, "durable4", hosts[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	f.to = netip.AddrPortFrom(netip.MustParseAddr("198.18.7.1"), uint16(portOf(before)))
	f.send(t, syn, 0)
	f.sequence++
	flags, sequence, err := f.receive()
	if err != nil || flags != syn|ack {
		t.Fatalf("flags %#x, %v, want SYN and ACK", flags, err)
	}
	after, err := openFamily(t, "durable4", hosts[1], portOf(before))
	if err != nil {
		t.Fatal(err)
	}
	before, after = asUser(t, before), asUser(t, after)
	before.Close()
	time.Sleep(20 * time.Millisecond)
	f.send(t, ack, sequence+1)
	accepting, broken := make(chan net.Conn, 1), make(chan struct{})
	go func() {
		if conn, err := after.Accept(); err == nil {
			accepting <- conn
		}
	}()
	go func() {
		for flags, err := byte(0), error(nil); err == nil && flags&rst == 0; {
			flags, _, err = f.receive()
		}
		close(broken)
	}()
	select {
	case conn := <-accepting:
		if conn.RemoteAddr().String() != f.from.String() {
			t.Errorf("accepted %v, want %v", conn.RemoteAddr(), f.from)
		}
		conn.Close()
		return true
	case <-broken:
		return false
	}
}
