// A Modbus device service as the official SDK makes it, on the Modbus library the official service uses: one connection for
// each address, one transaction for each resource. What ours is measured beside.
package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/edgexfoundry/device-sdk-go/v4/pkg/interfaces"
	sdk "github.com/edgexfoundry/device-sdk-go/v4/pkg/models"
	"github.com/edgexfoundry/device-sdk-go/v4/pkg/startup"
	"github.com/edgexfoundry/go-mod-core-contracts/v4/models"
	"github.com/grid-x/modbus"
	"github.com/spf13/cast"
)

type protocols = map[string]models.ProtocolProperties

// A line is what the devices at one address share.
type line struct {
	mutex   sync.Mutex
	handler *modbus.TCPClientHandler
	client  modbus.Client
}

type driver struct {
	service interfaces.DeviceServiceSDK
	mutex   sync.Mutex
	lines   map[string]*line
}

func (d *driver) Initialize(service interfaces.DeviceServiceSDK) error {
	d.service = service
	d.lines = map[string]*line{}
	return nil
}

func (d *driver) lineOf(block models.ProtocolProperties) *line {
	address := fmt.Sprintf("%v:%v", block["Address"], block["Port"])
	d.mutex.Lock()
	defer d.mutex.Unlock()
	l := d.lines[address]
	if l == nil {
		handler := modbus.NewTCPClientHandler(address)
		handler.Timeout = 5 * time.Second
		handler.IdleTimeout = 0
		l = &line{handler: handler, client: modbus.NewClient(handler)}
		d.lines[address] = l
	}
	return l
}

func (l *line) read(unit byte, address uint16) (uint16, error) {
	l.handler.SetSlave(unit)
	bytes, err := l.client.ReadHoldingRegisters(address, 1)
	if err != nil {
		return 0, err
	}
	return uint16(bytes[0])<<8 | uint16(bytes[1]), nil
}

func (d *driver) HandleReadCommands(_ string, blocks protocols, requests []sdk.CommandRequest) ([]*sdk.CommandValue, error) {
	block := blocks["modbus-tcp"]
	unit, err := cast.ToUint8E(block["UnitID"])
	if err != nil {
		return nil, err
	}
	l := d.lineOf(block)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var values []*sdk.CommandValue
	for _, r := range requests {
		address, err := cast.ToUint16E(r.Attributes["startingAddress"])
		if err != nil {
			return nil, err
		}
		read, err := l.read(unit, address)
		if err != nil {
			return nil, err
		}
		value, err := sdk.NewCommandValue(r.DeviceResourceName, r.Type, read)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

func (d *driver) HandleWriteCommands(string, protocols, []sdk.CommandRequest, []*sdk.CommandValue) error {
	return fmt.Errorf("this one only reads")
}

func (d *driver) ValidateDevice(models.Device) error                      { return nil }
func (d *driver) Discover() error                                         { return nil }
func (d *driver) Start() error                                            { return nil }
func (d *driver) Stop(bool) error                                         { return nil }
func (d *driver) AddDevice(string, protocols, models.AdminState) error    { return nil }
func (d *driver) UpdateDevice(string, protocols, models.AdminState) error { return nil }
func (d *driver) RemoveDevice(string, protocols) error                    { return nil }

func main() {
	startup.Bootstrap("device-modbus", "1.0.0", &driver{})
}
