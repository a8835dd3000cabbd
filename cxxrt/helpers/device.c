// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/acpi.h>
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/pm_wakeup.h>
#include <linux/suspend.h>
#if !CXXRT_KERNEL_6_12
#include <linux/aer.h>
#endif
#include "device.h"

bool cxxrt_acpi_storage_d3(struct device *dev)
{
	return acpi_storage_d3(dev);
}

bool cxxrt_device_can_wakeup(struct device *dev)
{
	return device_can_wakeup(dev);
}

void cxxrt_device_set_wakeup_enable(struct device *dev, bool enable)
{
	device_set_wakeup_enable(dev, enable);
}

int cxxrt_dev_to_node(struct device *dev)
{
	return dev_to_node(dev);
}

dma_addr_t cxxrt_dma_map_single(struct device *dev, void *memory, size_t bytes, enum dma_data_direction direction)
{
	return dma_map_single(dev, memory, bytes, direction);
}

int cxxrt_dma_mapping_error(struct device *dev, dma_addr_t address)
{
	return dma_mapping_error(dev, address);
}

void cxxrt_dma_mb(void)
{
	dma_mb();
}

void cxxrt_dma_rmb(void)
{
	dma_rmb();
}

int cxxrt_dma_set_mask_and_coherent(struct device *dev, u64 mask)
{
	return dma_set_mask_and_coherent(dev, mask);
}

void cxxrt_dma_set_min_align_mask(struct device *dev, u32 mask)
{
	dma_set_min_align_mask(dev, mask);
}

void cxxrt_dma_sync_for_cpu(struct device *dev, dma_addr_t address, size_t bytes, enum dma_data_direction direction)
{
	dma_sync_single_for_cpu(dev, address, bytes, direction);
}

void cxxrt_dma_sync_for_device(struct device *dev, dma_addr_t address, size_t bytes, enum dma_data_direction direction)
{
	dma_sync_single_for_device(dev, address, bytes, direction);
}

void cxxrt_dma_wmb(void)
{
	dma_wmb();
}

void cxxrt_iounmap(void *mapped)
{
	iounmap((void __iomem *)mapped);
}

void *cxxrt_page_address(struct page *page)
{
	return page_address(page);
}

u64 cxxrt_pci_bus_address(struct pci_dev *dev, u32 bar)
{
	return pci_bus_address(dev, bar);
}

bool cxxrt_is_powering_off(void)
{
	return system_state == SYSTEM_POWER_OFF;
}

bool cxxrt_pci_channel_offline(struct pci_dev *dev)
{
	return pci_channel_offline(dev);
}

/* From 6.5 on, the PCI core does both for every driver. */
void cxxrt_pci_disable_error_reporting(struct pci_dev *dev)
{
#if !CXXRT_KERNEL_6_12
	pci_disable_pcie_error_reporting(dev);
#endif
}

void cxxrt_pci_enable_error_reporting(struct pci_dev *dev)
{
#if !CXXRT_KERNEL_6_12
	pci_enable_pcie_error_reporting(dev);
#endif
}

bool cxxrt_pcie_aspm_enabled(struct pci_dev *dev)
{
	return pcie_aspm_enabled(dev);
}

void cxxrt_pci_forget_saved_state(struct pci_dev *dev)
{
	pci_load_saved_state(dev, NULL);
}

void *cxxrt_pci_get_drvdata(struct pci_dev *dev)
{
	return pci_get_drvdata(dev);
}

void cxxrt_outl(u32 value, u64 port)
{
	outl(value, port);
}

bool cxxrt_pci_has_driver(const char *name)
{
	return driver_find(name, &pci_bus_type);
}

bool cxxrt_pci_has_msi(const struct pci_dev *dev)
{
	return dev->msi_enabled || dev->msix_enabled;
}

void *cxxrt_pci_ioremap(struct pci_dev *dev, u32 bar, u64 bytes)
{
	return (void __force *)ioremap(pci_resource_start(dev, bar), bytes);
}

const char *cxxrt_pci_name(const struct pci_dev *dev)
{
	return pci_name(dev);
}

void cxxrt_pci_release_mem_regions(struct pci_dev *dev)
{
	pci_release_mem_regions(dev);
}

int cxxrt_pci_request_mem_regions(struct pci_dev *dev, const char *name)
{
	return pci_request_mem_regions(dev, name);
}

bool cxxrt_pci_resource_is_memory(const struct pci_dev *dev, u32 bar)
{
	return pci_resource_flags(dev, bar) & IORESOURCE_MEM;
}

bool cxxrt_pci_resource_is_ports(const struct pci_dev *dev, u32 bar)
{
	return pci_resource_flags(dev, bar) & IORESOURCE_IO;
}

u64 cxxrt_pci_resource_len(const struct pci_dev *dev, u32 bar)
{
	return pci_resource_len(dev, bar);
}

u64 cxxrt_pci_resource_start(const struct pci_dev *dev, u32 bar)
{
	return pci_resource_start(dev, bar);
}

void cxxrt_pci_set_drvdata(struct pci_dev *dev, void *data)
{
	pci_set_drvdata(dev, data);
}

bool cxxrt_pm_suspend_via_firmware(void)
{
	return pm_suspend_via_firmware();
}

u16 cxxrt_read_low_memory16(u32 physical)
{
	return ioread16((const void __iomem *)phys_to_virt(physical));
}

u32 cxxrt_readl(const void *where)
{
	return readl((const void __iomem *)where);
}

void cxxrt_write_low_memory16(u16 value, u32 physical)
{
	iowrite16(value, (void __iomem *)phys_to_virt(physical));
}

void cxxrt_writel(u32 value, void *where)
{
	writel(value, (void __iomem *)where);
}

void cxxrt_writel_relaxed(u32 value, void *where)
{
	writel_relaxed(value, (void __iomem *)where);
}
