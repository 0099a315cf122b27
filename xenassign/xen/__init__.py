"""What a Xen release accepts: releases as data, guest address space, IOMMU drivers, xl.cfg."""
